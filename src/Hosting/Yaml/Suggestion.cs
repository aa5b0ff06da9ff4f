namespace AuthIndex.Hosting.Yaml;

/// <summary>The "did you mean" of error messages.</summary>
public static class Suggestion
{
    /// <summary>
    /// A clause for the end of a message: <c>; did you mean 'listen'?</c> when a known word is near, otherwise the list of
    /// known words when it is short, otherwise nothing.
    /// </summary>
    public static string For(string word, IEnumerable<string> known)
    {
        var words = known.ToList();
        var nearest = words.Select(k => (Word: k, Distance: Distance(word, k))).OrderBy(k => k.Distance).FirstOrDefault();
        if (nearest.Word is not null && nearest.Distance <= Math.Max(1, Math.Min(word.Length, nearest.Word.Length) / 3))
        {
            return $"; did you mean '{nearest.Word}'?";
        }

        return words.Count is > 0 and <= 16 ? $"; known here: {string.Join(", ", words)}" : "";
    }

    /// <summary>
    /// The optimal-string-alignment distance, case ignored; words longer than 64 characters are compared by their beginning.
    /// </summary>
    private static int Distance(string left, string right)
    {
        var (a, b) = (Head(left), Head(right));
        var rows = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) rows[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) rows[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = a[i - 1] == b[j - 1] ? 0 : 1;
                rows[i, j] = Math.Min(Math.Min(rows[i - 1, j] + 1, rows[i, j - 1] + 1), rows[i - 1, j - 1] + cost);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    rows[i, j] = Math.Min(rows[i, j], rows[i - 2, j - 2] + 1);
                }
            }
        }

        return rows[a.Length, b.Length];
    }

    private static string Head(string text) => (text.Length > 64 ? text[..64] : text).ToLowerInvariant();
}
