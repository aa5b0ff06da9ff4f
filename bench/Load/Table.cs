using System.Globalization;

namespace AuthIndex.Load;

/// <summary>The table that is printed.</summary>
internal static class Table
{
    /// <summary>Prints its header.</summary>
    public static void PrintHeader() => Console.WriteLine(
        $"{"work",-18} {"AuthIndex/s",12} {"MB/s",8} {"p99 ms",8} {"distribution/s",15} {"MB/s",8} {"p99 ms",8} {"ratio",6}");

    /// <summary>Prints the medians of one benchmark's rounds.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="ours">Our rounds.</param>
    /// <param name="theirs">The peer's; may be empty.</param>
    /// <param name="bare">The bare loop's; may be empty.</param>
    public static void Print(string name, IReadOnlyList<Figures> ours, IReadOnlyList<Figures> theirs, IReadOnlyList<Figures> bare)
    {
        var (own, peer, least) = (Middle(ours)!, Middle(theirs), Middle(bare));
        var line = $"{name,-18} {Row(own)}";
        if (peer is not null) line += string.Create(CultureInfo.InvariantCulture, $"   {Row(peer)} {own.PerSecond / peer.PerSecond,6:F2}");
        if (least is not null)
        {
            line += string.Create(
                CultureInfo.InvariantCulture,
                $"   bare: {least.MegabytesPerSecond:F0} MB/s, {own.PerSecond / least.PerSecond:P0} of it");
        }

        Console.WriteLine(line);
    }

    /// <summary>The median of some numbers; of an even count the upper one.</summary>
    public static double Median(IReadOnlyCollection<double> values) => values.Order().ElementAt(values.Count / 2);

    private static Figures? Middle(IReadOnlyList<Figures> rounds) =>
        rounds.Count == 0 ? null : rounds.OrderBy(r => r.PerSecond).ElementAt(rounds.Count / 2);

    private static string Row(Figures f) =>
        string.Create(CultureInfo.InvariantCulture, $"{f.PerSecond,12:F0} {f.MegabytesPerSecond,8:F0} {f.Slowest.TotalMilliseconds,8:F1}");
}
