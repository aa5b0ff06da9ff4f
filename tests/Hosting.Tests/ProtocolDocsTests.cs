using System.Text.RegularExpressions;

namespace AuthIndex.Hosting.Tests;

/// <summary>
/// <c>docs/protocol.md</c> says where each rule of the protocol is kept and proven. Its rows are
/// <c>| rule | spec section | file | test, test |</c>, a test being <c>path/to/TestFile.cs#Method</c>.
/// </summary>
public sealed class ProtocolDocsTests
{
    private const string Head = "| rule | spec section | file | test |\n|---|---|---|---|\n";

    private const string Self = "tests/Hosting.Tests/ProtocolDocsTests.cs";

    [Fact]
    public void Every_rule_names_a_file_and_a_test_that_exist()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "protocol.md"));
        Repository.AssertNone(Problems(page));
        Assert.NotEmpty(Rows(page));
    }

    [Fact]
    public void The_rules_are_grouped_as_the_protocol_is() =>
        Assert.Equal(
            ["## Token server", "## Registry", "## Attacks"],
            File.ReadLines(Path.Combine(Repository.Root, "docs", "protocol.md"))
            .Where(line => line.StartsWith("## ", StringComparison.Ordinal)));

    [Theory]
    [InlineData($"| r | s | `src/Gone.cs` | `{Self}#Living_links_pass` |", "'src/Gone.cs' is no file")]
    [InlineData($"| r | s | {Self} | {Self}#No_such_test |", "has no test No_such_test")]
    [InlineData($"| r | s | {Self} | {Self}#Rows |", "has no test Rows")]
    [InlineData($"| r | s | {Self} | {Self} |", "names no test")]
    [InlineData($"| r | s | {Self} | |", "has an empty cell")]
    [InlineData($"| r | s | {Self} |", "has not four cells")]
    [InlineData($"| r | s | {Self} | tests/Gone.cs#Gone |", "'tests/Gone.cs' is no file")]
    [InlineData($"| r | s | tests/../{Self} | {Self}#Living_links_pass |", "is no file")]
    public void A_dead_link_is_found(string row, string problem) =>
        Assert.Contains(Problems(Head + row), found => found.Contains(problem, StringComparison.Ordinal));

    [Fact]
    public void Living_links_pass() => Assert.Empty(Problems(
        Head + $"| r | s | `{Self}` | `{Self}#A_dead_link_is_found`, `{Self}#Living_links_pass` |"));

    private static IEnumerable<string[]> Rows(string page) =>
        page.Split('\n')
        .Where(
            line => line.StartsWith('|')
            && !line.StartsWith("| rule |", StringComparison.Ordinal)
            && !line.StartsWith("|---", StringComparison.Ordinal))
            .Select(line => line.Trim().Trim('|').Split('|').Select(cell => cell.Trim()).ToArray());

    private static IEnumerable<string> Problems(string page) =>
        Rows(page).SelectMany(row => RowProblems(row).Select(problem => $"'{row[0]}': {problem}"));

    private static IEnumerable<string> RowProblems(string[] row)
    {
        if (row.Length != 4) return ["has not four cells"];
        if (row.Contains("")) return ["has an empty cell"];
        return row[3].Split(", ").Select(test => TestProblem(test.Trim('`'))).Append(FileProblem(row[2].Trim('`'))).OfType<string>();
    }

    private static string? FileProblem(string path) =>
        path.Split('/').Contains("..") || !File.Exists(Path.Combine(Repository.Root, path)) ? $"'{path}' is no file" : null;

    private static string? TestProblem(string test)
    {
        if (test.Split('#') is not [var path, var method]) return $"'{test}' names no test";
        if (FileProblem(path) is { } problem) return problem;
        return IsTest(File.ReadAllText(Path.Combine(Repository.Root, path)), method) ? null : $"{path} has no test {method}";
    }

    // Between the attribute and the method begins no other member.
    private static bool IsTest(string source, string method) => Regex.IsMatch(
        source,
        $@"\[(Fact|Theory)\b((?!\n *(public|private|internal) ).)*\n *public (static )?(async )?(void|Task) {Regex.Escape(method)}\(",
        RegexOptions.ExplicitCapture | RegexOptions.Singleline,
        TimeSpan.FromSeconds(5));
}
