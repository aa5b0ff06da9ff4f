using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Yaml;

namespace AuthIndex.Hosting.Tests.Configuration;

public sealed class ConfigurationTreeTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly List<SourceProblem> problems = [];

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("a: {b: file}", null, null, "file")]
    [InlineData("a: {b: file}", "environment", null, "environment")]
    [InlineData("a: {b: file}", "environment", "set", "set")]
    [InlineData("a: {b: file}", null, "set", "set")]
    [InlineData("", "environment", null, "environment")]
    [InlineData("", null, "set", "set")]
    public void The_environment_goes_over_the_file_and_the_command_line_over_both(
        string file, string? environment, string? set, string expected)
    {
        var tree = Read(file, environment is null ? [] : new() { ["AUTHINDEX__A__B"] = environment }, set is null ? [] : [$"a.b={set}"]);
        Assert.Equal($"{{a: {{b: {expected}}}}}", Print(tree), ignoreCase: true);
        Assert.Empty(problems);
    }

    [Fact]
    public void Of_two_settings_the_later_wins() => Assert.Equal("{a: 2}", Print(Read("", [], ["a=1", "A=2"])));

    [Fact]
    public void What_is_not_named_stays() =>
        Assert.Equal("{a: {b: 1, c: 9}, d: [x, y]}", Print(Read("a: {b: 1, c: 2}\nd: [x, y]", new() { ["AUTHINDEX__A__C"] = "9" }, [])));

    [Fact]
    public void Only_variables_with_the_prefix_are_read() =>
        Assert.Equal(
            "{}",
            Print(
                Read(
                    "", new() { ["AUTHINDEX"] = "1", ["AUTHINDEX_A"] = "1", ["XAUTHINDEX__A"] = "1", ["authindex__a"] = "1",
                        ["PATH"] = "/bin" }, [])));

    [Fact]
    public void Every_value_keeps_the_place_it_came_from()
    {
        var tree = Read("a: 1\nb: 2\nc: 3", new() { ["AUTHINDEX__B"] = "8" }, ["c=9=9"]);
        Assert.Equal($"{folder["authindex.yaml"]}:1:4", tree["a"]!.At.ToString());
        Assert.Equal("environment AUTHINDEX__B", tree["b"]!.At.ToString());
        Assert.Equal("command line --set c", tree["c"]!.At.ToString());
        Assert.Equal("9=9", ((ScalarNode)tree["c"]!).Value);
    }

    [Theory]
    [InlineData("", "{a: {b: default}}")]
    [InlineData("a:", "{a: {b: default}}")]
    [InlineData("a: {b: }", "{a: {b: default}}")]
    [InlineData("a: {c: file}", "{a: {c: file, b: default}}")]
    [InlineData("a: {b: file}", "{a: {b: file}}")]
    [InlineData("a: {b: {c: file}}", "{a: {b: {c: file}}}")]
    [InlineData("a: file", "{a: file}")]
    public void A_default_holds_only_where_nothing_else_is_named(string file, string expected)
    {
        Assert.Equal(expected, Print(ConfigurationTree.WithDefaults(Read(file, [], []), ["a.b=default"], problems)));
        Assert.Empty(problems);
    }

    [Theory]
    [InlineData("", "{l: [{a: 1, b: 2}]}")]
    [InlineData("l: [{a: file}]", "{l: [{a: file}]}")]
    [InlineData("l: []", "{l: []}")]
    public void Defaults_make_an_item_of_a_list_where_no_list_is_given(string file, string expected)
    {
        Assert.Equal(expected, Print(ConfigurationTree.WithDefaults(Read(file, [], []), ["l.0.a=1", "l.0.b=2"], problems)));
        Assert.Empty(problems);
    }

    [Theory]
    [InlineData("novalue")]
    [InlineData("=value")]
    [InlineData("")]
    public void A_setting_without_a_key_or_a_value_is_a_problem(string setting)
    {
        Read("", [], [setting]);
        Assert.Contains("key=value", Assert.Single(problems).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a: [x, y]", "a.1=z", "{a: [x, z]}")]
    [InlineData("a: [x, y]", "a.2=z", "{a: [x, y, z]}")]
    [InlineData("", "a.0=z", "{a: [z]}")]
    [InlineData("a: [{b: 1, c: 2}]", "a.0.c=3", "{a: [{b: 1, c: 3}]}")]
    [InlineData("a: x", "a.0=z", "{a: [z]}")]
    [InlineData("a: x", "a.1=z", "{a: [x, z]}")]
    [InlineData("a: ", "a.b=2", "{a: {b: 2}}")]
    [InlineData("a: {b: 1}", "a=2", "{a: 2}")]
    public void A_number_addresses_an_item_of_a_list(string file, string setting, string expected)
    {
        Assert.Equal(expected, Print(Read(file, [], [setting])));
        Assert.Empty(problems);
    }

    [Theory]
    [InlineData("a: 1", "a.b=2", "1:4: a: expected a mapping of keys, found '1'")]
    [InlineData("a: [x]", "a.b=2", "1:4: a: expected a mapping of keys, found a list")]
    [InlineData("a: {b: x}", "a.b.c=2", "1:8: a.b: expected a mapping of keys, found 'x'")]
    [InlineData("a: [x]", "a.0.c=2", "1:5: a.0: expected a mapping of keys, found 'x'")]
    public void What_a_setting_cannot_be_added_to_is_a_problem_and_not_replaced(string file, string setting, string problem)
    {
        Assert.Equal(Print(Read(file, [], [])), Print(Read(file, [], [setting])));
        Assert.Equal($"{folder["authindex.yaml"]}:{problem}", Assert.Single(problems).ToString());
    }

    [Fact]
    public void A_variable_that_is_empty_sets_nothing() =>
        Assert.Equal("{a: {b: file}}", Print(Read("a: {b: file}", new() { ["AUTHINDEX__A__B"] = "", ["AUTHINDEX__A__C"] = "" }, [])));

    [Fact]
    public void More_than_ten_items_of_the_environment_keep_their_order()
    {
        var items = Enumerable.Range(0, 12).ToDictionary(i => $"AUTHINDEX__A__{i}__B", i => $"{i}");
        Assert.Equal("{A: [" + string.Join(", ", Enumerable.Range(0, 12).Select(i => $"{{B: {i}}}")) + "]}", Print(Read("", items, [])));
    }

    [Theory]
    [InlineData("a.1=x")]
    [InlineData("a.7.b=x")]
    public void An_item_behind_the_end_of_a_list_is_a_problem(string setting)
    {
        Read("", [], [setting]);
        Assert.Equal(
            $"command line --set {setting[..setting.IndexOf('=', StringComparison.Ordinal)]}: the list has 0 items so far; the next is "
            + $"number 0", Assert.Single(problems).ToString());
    }

    [Theory]
    [InlineData("0=x")]
    [InlineData("0.a=x")]
    public void The_configuration_itself_is_no_list(string setting)
    {
        Assert.Equal("{a: 1}", Print(Read("a: 1", [], [setting])));
        Assert.Contains("is not a list", Assert.Single(problems).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("- a", "a list")]
    [InlineData("text", "'text'")]
    public void A_file_that_is_no_mapping_is_a_problem(string file, string kind)
    {
        Read(file, [], []);
        Assert.Equal(
            $"{folder["authindex.yaml"]}:1:1: a configuration is a mapping with the keys tokenServer and registry; this is {kind}",
            Assert.Single(problems).ToString());
    }

    [Fact]
    public void A_missing_file_is_a_problem_that_names_it()
    {
        ConfigurationTree.Read(folder["none.yaml"], new Dictionary<string, string>(), [], problems);
        Assert.StartsWith(folder["none.yaml"], Assert.Single(problems).ToString(), StringComparison.Ordinal);
    }

    private MappingNode Read(string file, Dictionary<string, string> environment, string[] settings) =>
        ConfigurationTree.Read(folder.Write("authindex.yaml", file), environment, settings, problems);

    private static string Print(SourceNode node) => node switch
    {
        MappingNode mapping => "{" + string.Join(", ", mapping.Entries.Select(e => $"{e.Key.Value}: {Print(e.Value)}")) + "}",
        SequenceNode list => "[" + string.Join(", ", list.Items.Select(Print)) + "]",
        ScalarNode scalar => scalar.Value,
        _ => throw new ArgumentException(node.Kind),
    };
}
