using System.Diagnostics;
using System.Text.RegularExpressions;

namespace AuthIndex.TestKit;

/// <summary>Waits for what happens in another process: by asking again, never by hoping that a while is long enough.</summary>
public static class Eventually
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Asks until the answer is true.</summary>
    /// <exception cref="TimeoutException">It was not true within the time.</exception>
    public static async Task TrueAsync(Func<Task<bool>> condition, TimeSpan within, Func<string> otherwise)
    {
        var time = Stopwatch.StartNew();
        while (!await condition())
        {
            if (time.Elapsed > within) throw new TimeoutException($"not within {within}: {otherwise()}");
            await Task.Delay(Pause);
        }
    }

    /// <summary>Asks until the answer is true.</summary>
    /// <exception cref="TimeoutException">It was not true within the time.</exception>
    public static Task TrueAsync(Func<bool> condition, TimeSpan within, Func<string> otherwise) =>
        TrueAsync(() => Task.FromResult(condition()), within, otherwise);

    /// <summary>
    /// Asks a server for its metrics until they match every pattern, and gives that page. What is counted of a request is counted
    /// when it is over, a moment after its client has the answer.
    /// </summary>
    /// <exception cref="TimeoutException">They did not match within 20 seconds.</exception>
    public static async Task<string> MetricsAsync(HttpClient http, Uri server, params string[] patterns)
    {
        var page = "";
        await TrueAsync(
            async () =>
            {
                page = await http.GetStringAsync(new Uri(server, "/metrics"));
                return patterns.All(p => Regex.IsMatch(page, p, RegexOptions.None, TimeSpan.FromSeconds(1)));
            },
            TimeSpan.FromSeconds(20),
            () =>
                $"no match for {string.Join(", ", patterns.Where(p => !Regex.IsMatch(page, p, RegexOptions.None, TimeSpan.FromSeconds(1))))} in:\n{page}");
        return page;
    }
}
