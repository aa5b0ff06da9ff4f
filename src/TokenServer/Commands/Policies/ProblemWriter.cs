using AuthIndex.Hosting.Yaml;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary>Shows problems with the line they are about and a mark under the column.</summary>
internal sealed class ProblemWriter(TextWriter output)
{
    /// <summary>The most problems shown; a file of another kind can hold thousands.</summary>
    private const int MaxShown = 100;

    private readonly Dictionary<string, string[]> files = new(StringComparer.Ordinal);

    public void Write(IEnumerable<SourceProblem> problems)
    {
        var all = problems.ToList();
        foreach (var problem in all.Take(MaxShown))
        {
            output.WriteLine(problem.IsWarning ? problem.ToString() : $"{problem.At}: error: {problem.Message}");
            if (LineOf(problem.At) is not { } line) continue;
            var number = $"{problem.At.Line,6} | ";
            var column = Math.Min(problem.At.Column - 1, line.Length);
            // Tabs stay tabs, so that the mark stands where the eye looks for it.
            var indentation = string.Concat(line[..column].Select(c => c == '\t' ? '\t' : ' '));
            output.WriteLine($"{number}{line}");
            output.WriteLine($"{new string(' ', number.Length - 2)}| {indentation}^");
        }

        if (all.Count > MaxShown) output.WriteLine($"… and {all.Count - MaxShown} more");
    }

    private string? LineOf(SourcePosition at)
    {
        if (at.Line == 0) return null;
        if (!files.TryGetValue(at.File, out var lines)) files.Add(at.File, lines = File.Exists(at.File) ? File.ReadAllLines(at.File) : []);
        return lines.ElementAtOrDefault(at.Line - 1) is { Length: <= 300 } line ? line : null;
    }
}
