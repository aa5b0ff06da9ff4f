using System.Globalization;
using System.Text.RegularExpressions;
using AuthIndex.TestKit;

namespace AuthIndex.Load;

/// <summary>Runs the load generator wrk on the second core, and reads its report.</summary>
internal static partial class Wrk
{
    /// <summary>The core of the load; the servers have core 0.</summary>
    private const string Core = "1";

    /// <summary>One round.</summary>
    /// <exception cref="InvalidOperationException">An answer was no success: then its speed means nothing.</exception>
    public static async Task<Figures> RunAsync(Target target, int clients, TimeSpan duration, bool expectChallenge)
    {
        List<string> arguments = [
            "-c", Core, "wrk", "-t1", $"-c{clients}", $"-d{(int)duration.TotalSeconds}s", "--latency", "-H",
                $"Accept: {PushClient.ManifestType}"];
        if (target.Authorization is not null) arguments.AddRange(["-H", $"Authorization: {target.Authorization}"]);
        var result = await ChildProcess.RunAsync("taskset", [.. arguments, target.Url.AbsoluteUri]);
        if (result.ExitCode != 0 || (result.Output.Contains("Non-2xx", StringComparison.Ordinal) && !expectChallenge))
        {
            throw new InvalidOperationException($"{target.Url}: {result}");
        }

        var rate = Number(Rate().Match(result.Output).Groups["n"].Value);
        return new Figures(
            (long)(rate * duration.TotalSeconds),
            rate,
            Megabytes(Transfer().Match(result.Output)),
            TimeSpan.FromMilliseconds(Milliseconds(Percentile().Match(result.Output))));
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static double Megabytes(Match match) =>
        Number(match.Groups["n"].Value)
            * match.Groups["unit"].Value switch { "GB" => 1073.741824, "MB" => 1.048576, "KB" => 0.001024, _ => 0.000001 };

    private static double Milliseconds(Match match) =>
        Number(match.Groups["n"].Value) * match.Groups["unit"].Value switch { "us" => 0.001, "ms" => 1, _ => 1000 };

    [GeneratedRegex(@"Requests/sec:\s+(?<n>[\d.]+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Rate();

    [GeneratedRegex(@"Transfer/sec:\s+(?<n>[\d.]+)(?<unit>GB|MB|KB|B)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Transfer();

    [GeneratedRegex(@"99%\s+(?<n>[\d.]+)(?<unit>us|ms|s)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Percentile();
}
