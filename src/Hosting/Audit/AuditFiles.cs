using System.Globalization;
using System.Text.RegularExpressions;

namespace AuthIndex.Hosting.Audit;

/// <summary>Finds the files of an audit log: the current one and its rotated files.</summary>
public static partial class AuditFiles
{
    /// <summary>
    /// A log and its rotated files (<c>.1</c>, <c>-20270131</c>, either with <c>.gz</c>), newest first; those that exist.
    /// </summary>
    public static IReadOnlyList<string> Of(string log)
    {
        var path = Path.GetFullPath(log);
        return InOrder(Path.GetDirectoryName(path) ?? path, name => name == Path.GetFileName(path));
    }

    /// <summary>Every log in a directory whose name ends in <c>.jsonl</c>, with the rotated files; newest first.</summary>
    public static IReadOnlyList<string> In(string directory) =>
        InOrder(directory, name => name.EndsWith(".jsonl", StringComparison.Ordinal));

    private static List<string> InOrder(string directory, Func<string, bool> isLog)
    {
        if (!Directory.Exists(directory)) return [];
        return
        [
            .. from file in Directory.EnumerateFiles(directory)
               let parts = Parts().Match(Path.GetFileName(file))
               let log = parts.Groups["log"].Value
               where isLog(log)
               // The log itself, then the counts from 1 up, then the dates backwards: by name, since times change when files are copied.
               let count = parts.Groups["count"].Value
               let date = parts.Groups["date"].Value
               orderby log, date.Length > 0, count.Length > 0 ? int.Parse(count, CultureInfo.InvariantCulture) : 0, date descending
               select file,
        ];
    }

    [GeneratedRegex(
        @"^(?<log>.+?)(\.(?<count>[0-9]{1,5})|[.-](?<date>[0-9]{6}[0-9T-]*))?(\.gz)?$",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        1000)]
    private static partial Regex Parts();
}
