using System.ComponentModel.DataAnnotations;
using System.Net;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Yaml;

namespace AuthIndex.Hosting.Tests.Configuration;

public sealed class OptionsBinderTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly List<SourceProblem> problems = [];

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Every_kind_of_value_is_read()
    {
        var options = Bind("""
            name: "007"
            count: 5
            size: 4MiB
            enabled: true
            every: 90s
            url: https://index.example.com/base
            listen: 127.0.0.1:5000
            networks: [10.0.0.0/8, "::1/128"]
            words: [a, "no", 'x: y', ""]
            level: debug
            nested: { depth: 3 }
            items: [{ depth: 1 }, { depth: 2 }]
            """);

        Assert.Empty(problems);
        Assert.Equal("007", options.Name);
        Assert.Equal(5, options.Count);
        Assert.Equal(new ByteSize(4 << 20), options.Size);
        Assert.True(options.Enabled);
        Assert.Equal(TimeSpan.FromSeconds(90), options.Every);
        Assert.Equal(new Uri("https://index.example.com/base"), options.Url);
        Assert.Equal(new ListenAddress("127.0.0.1", 5000), options.Listen);
        Assert.Equal([IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("::1/128")], options.Networks);
        Assert.Equal(["a", "no", "x: y", ""], options.Words);
        Assert.Equal("debug", options.Level);
        Assert.Equal(3, options.Nested.Depth);
        Assert.Equal([1, 2], options.Items.Select(i => i.Depth));
    }

    [Fact]
    public void Absent_and_empty_keys_keep_their_defaults()
    {
        var options = Bind("name: x\ncount:\nevery: ~\nnested:\n  depth: 2\n");
        Assert.Empty(problems);
        Assert.Equal((4, TimeSpan.FromMinutes(1), 2, "kept"), (options.Count, options.Every, options.Nested.Depth, options.Nested.Label));
    }

    [Fact]
    public void A_single_value_is_a_list_of_one() => Assert.Equal(["a"], Bind("name: x\nwords: a").Words);

    [Theory]
    [InlineData("count: five", "2:8: s.count: expected a whole number, found 'five'")]
    [InlineData("count: 99999999999", "2:8: s.count: expected a whole number, found '99999999999'")]
    [InlineData("count: 1.5", "2:8: s.count: expected a whole number, found '1.5'")]
    [InlineData("count: [1]", "2:8: s.count: expected a whole number, found a list")]
    [InlineData("count: {a: 1}", "2:8: s.count: expected a whole number, found a mapping")]
    [InlineData("enabled: yes", "2:10: s.enabled: expected true or false, found 'yes'")]
    [InlineData("enabled: True", "2:10: s.enabled: expected true or false, found 'True'")]
    [InlineData("every: 90", "2:8: s.every: expected a duration such as 30s, 5m, 12h or 7d, found '90'")]
    [InlineData("size: 4MB", "2:7: s.size: expected a size such as 512KiB, 4MiB or 10GiB, found '4MB'")]
    [InlineData("listen: here", "2:9: s.listen: expected an address HOST:PORT such as 127.0.0.1:5000, found 'here'")]
    [InlineData(
        "networks: [10.0.0.0/33]",
        "2:12: s.networks[0]: expected a network by its first address, such as 10.0.0.0/8 or ::1/128, found '10.0.0.0/33'")]
    [InlineData(
        "networks: [127.0.0.9/8]",
        "2:12: s.networks[0]: expected a network by its first address, such as 10.0.0.0/8 or ::1/128, found '127.0.0.9/8'")]
    [InlineData("words: [a, ~]", "2:12: s.words[1]: expected a text, found nothing")]
    [InlineData("words: [a, [b]]", "2:12: s.words[1]: expected a text, found a list")]
    [InlineData("nested: 5", "2:9: s.nested: expected a mapping of keys, found '5'")]
    [InlineData("nested: {depth: x}", "2:17: s.nested.depth: expected a whole number, found 'x'")]
    [InlineData("items: [{depth: 1}, {depth: x}]", "2:29: s.items[1].depth: expected a whole number, found 'x'")]
    [InlineData("file: ''", "2:7: s.file: expected a path, found ''")]
    [InlineData("file: \"a\\0b\"", "2:7: s.file: expected a path, found 'a\0b'")]
    [InlineData("count: 0", "2:8: s.count: must be between 1 and 9")]
    [InlineData("every: 1d", "2:8: s.every: must be between 1s and 1h")]
    [InlineData("level: loud", "2:8: s.level: must be one of debug, error")]
    [InlineData("nested: {depth: 99}", "2:17: s.nested.depth: must be between 0 and 10")]
    [InlineData("items: [{depth: 99}]", "2:17: s.items[0].depth: must be between 0 and 10")]
    [InlineData("cuont: 5", "2:1: s.cuont: no such key; did you mean 'count'?")]
    [InlineData("Count: 5", "2:1: s.Count: no such key; did you mean 'count'?")]
    [InlineData("nested: {dept: 5}", "2:10: s.nested.dept: no such key; did you mean 'depth'?")]
    [InlineData("computed: 5", "2:1: s.computed: no such key")]
    [InlineData("nested: {zzzzzz: 5}", "2:10: s.nested.zzzzzz: no such key; known here: depth, label")]
    public void What_is_wrong_is_named_with_its_place(string line, string problem)
    {
        Bind($"name: x\n{line}");
        Assert.StartsWith($"{folder["authindex.yaml"]}:{problem}", Assert.Single(problems).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("count: 1")]
    [InlineData("name:\ncount: 1")]
    [InlineData("name: ''")]
    public void A_required_key_may_not_be_absent_or_empty(string text)
    {
        Bind(text);
        Assert.EndsWith("s.name: is required", Assert.Single(problems).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_required_key_is_missed_without_any_section_too()
    {
        OptionsBinder.Bind(null, new SampleOptions(), "s", problems);
        Assert.Equal("configuration: s.name: is required", Assert.Single(problems).ToString());
    }

    [Fact]
    public void A_required_key_that_cannot_be_read_is_one_problem()
    {
        Bind("name: [x]");
        Assert.EndsWith("s.name: expected a text, found a list", Assert.Single(problems).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sub/key.pem", "sub/key.pem")]
    [InlineData("../key.pem", "../key.pem")]
    [InlineData("/etc/key.pem", "/etc/key.pem")]
    public void A_path_in_a_file_is_relative_to_the_file(string path, string expected) =>
        Assert.Equal(Path.GetFullPath(expected, folder.Path), Bind($"name: x\nfile: {path}").File);

    [Fact]
    public void A_path_of_the_command_line_is_relative_to_the_working_directory() =>
        Assert.Equal(Path.GetFullPath("key.pem"), Bind("name: x", ["file=key.pem"]).File);

    [Fact]
    public void An_empty_path_of_the_command_line_is_a_problem()
    {
        Bind("name: x", ["file="]);
        Assert.Equal("command line --set file: s.file: expected a path, found ''", Assert.Single(problems).ToString());
    }

    [Fact]
    public void Outside_the_file_keys_have_no_case()
    {
        var options = Bind("name: x", ["COUNT=7", "NESTED.DEPTH=2"]);
        Assert.Empty(problems);
        Assert.Equal((7, 2), (options.Count, options.Nested.Depth));
    }

    // Secrets have no keys: they come from files. Only a URL can carry one along, so a URL is not repeated.
    [Theory]
    [InlineData("url: ldap://admin:s3cret@index.example.com", "2:6: s.url: expected a URL beginning with http:// or https://")]
    [InlineData("password: s3cret", "2:1: s.password: no such key")]
    public void No_message_repeats_a_secret(string line, string problem)
    {
        Bind($"name: x\n{line}");
        Assert.Contains(problem, Assert.Single(problems).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", problems[0].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_key_is_listed_for_the_documentation() =>
        Assert.Equal(
            ["s.nested", "s.nested.depth", "s.nested.label", "s.items", "s.items[].depth", "s.items[].label"],
            OptionsBinder.Keys(typeof(SampleOptions), "s").Select(k => k.Key).SkipWhile(k => k != "s.nested"));

    private SampleOptions Bind(string text, string[]? settings = null)
    {
        var options = new SampleOptions();
        var tree = ConfigurationTree.Read(folder.Write("authindex.yaml", text), new Dictionary<string, string>(), settings ?? [], problems);
        OptionsBinder.Bind(tree, options, "s", problems);
        return options;
    }

    internal sealed class SampleOptions
    {
        [Required]
        public string? Name { get; set; }

        [Range(1, 9)]
        public int Count { get; set; } = 4;

        public ByteSize Size { get; set; }

        public bool Enabled { get; set; }

        [DurationRange("1s", "1h")]
        public TimeSpan Every { get; set; } = TimeSpan.FromMinutes(1);

        public Uri? Url { get; set; }

        public ListenAddress Listen { get; set; }

        public List<IPNetwork> Networks { get; set; } = [];

        public List<string> Words { get; set; } = [];

        [AllowedValues("debug", "error")]
        public string Level { get; set; } = "error";

        [FilePath]
        public string? File { get; set; }

        public int Computed => Count + 1;

        public NestedOptions Nested { get; set; } = new() { Label = "kept" };

        public List<NestedOptions> Items { get; set; } = [];
    }

    internal sealed class NestedOptions
    {
        [Range(0, 10)]
        public int Depth { get; set; }

        public string Label { get; set; } = "";
    }
}
