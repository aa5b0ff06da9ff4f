using System.Text;
using AuthIndex.Hosting.Yaml;

namespace AuthIndex.Hosting.Tests.Yaml;

public sealed class YamlSourceTests
{
    [Fact]
    public void Every_value_knows_its_place()
    {
        var root = Assert.IsType<MappingNode>(Read("a: 1\nb:\n  - x\n  - c: \"y\"\n"));
        Assert.Equal(new SourcePosition("f.yaml", 1, 4), root["a"]!.At);
        var list = Assert.IsType<SequenceNode>(root["b"]);
        Assert.Equal(new SourcePosition("f.yaml", 3, 5), list.Items[0].At);
        Assert.Equal("f.yaml:4:8", Assert.IsType<MappingNode>(list.Items[1])["c"]!.At.ToString());
    }

    [Fact]
    public void Quotes_tell_texts_from_words_that_YAML_types()
    {
        var root = Assert.IsType<MappingNode>(Read("a: no\nb: \"no\"\nc: 'no'\nd: |\n  no\ne: ~\nf: '~'\n"));
        Assert.Equal([false, true, true, true, false, true], root.Entries.Select(e => ((ScalarNode)e.Value).IsQuoted));
        Assert.True(((ScalarNode)root["e"]!).IsNull);
        Assert.False(((ScalarNode)root["f"]!).IsNull);
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing but a comment\n")]
    [InlineData("---\n")]
    [InlineData("\uFEFF")]
    public void A_file_without_content_is_an_empty_mapping(string text) => Assert.Empty(Assert.IsType<MappingNode>(Read(text)).Entries);

    [Theory]
    [InlineData("a: 1\na: 2", "f.yaml:2:1: the key 'a' is used twice; the first is on line 1")]
    [InlineData("a:\n\tb: 1", "f.yaml:2:1: YAML is indented with spaces; this line begins with a tab")]
    [InlineData("a:\n  b: 1\n\tc: 1", "f.yaml:3:1: YAML is indented with spaces; this line begins with a tab")]
    [InlineData("a: &x 1", "f.yaml:1:4: the anchor &x is not supported; write the value out where it is needed")]
    [InlineData("a: *x", "f.yaml:1:4: the alias *x is not supported; write the value out")]
    [InlineData("<<: *x", "f.yaml:1:5: the alias *x is not supported; write the value out")]
    [InlineData("a: !!int 1", "f.yaml:1:4: the tag tag:yaml.org,2002:int is not supported")]
    [InlineData("a: !secret x", "f.yaml:1:4: the tag !secret is not supported")]
    [InlineData("a: 1\n---\nb: 1", "f.yaml:2:1: a second document; a file holds only one")]
    [InlineData("? [a]\n: 1", "f.yaml:1:3: a key must be a plain text")]
    [InlineData("a: [*]", "f.yaml:1:5: a text that begins with '*' must be quoted in YAML")]
    [InlineData("a: [**]", "f.yaml:1:5: a text that begins with '*' must be quoted in YAML")]
    [InlineData("a: 1\n\0\nb: 2", "f.yaml:2:1: the control character U+0000, which a YAML file cannot contain; is the file complete?")]
    [InlineData("a: 1 # b\0c", "f.yaml:1:9: the control character U+0000, which a YAML file cannot contain; is the file complete?")]
    [InlineData("a: 'b\0c'", "f.yaml:1:6: the control character U+0000, which a YAML file cannot contain; is the file complete?")]
    [InlineData("a: 1\n\u001b[0m", "f.yaml:2:1: the control character U+001B, which a YAML file cannot contain; is the file complete?")]
    [InlineData(
        "a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> other\n",
        "f.yaml:2:1: a merge conflict that is not resolved: the line begins with <<<<<<<")]
    [InlineData("a:\n\u00a0\u00a0b: 1\n  c: 2", "f.yaml:2:1: a no-break space (U+00A0), which looks like a space but is not one in YAML")]
    [InlineData("a:\n  - b: 1\n\tc: 2\n", "f.yaml:3:1: YAML is indented with spaces; this line begins with a tab")]
    [InlineData("a: @x", "f.yaml:1:4: a text that begins with '@' must be quoted in YAML")]
    public void What_people_trip_over_is_an_error_with_its_line(string text, string problem)
    {
        var problems = new List<SourceProblem>();
        Assert.Null(YamlSource.Read("f.yaml", Encoding.UTF8.GetBytes(text), problems));
        Assert.Equal(problem, problems[0].ToString());
    }

    [Theory]
    [InlineData("a: [1, 2")]
    [InlineData("a: \"x")]
    [InlineData("a: b: c")]
    [InlineData("{")]
    public void Broken_YAML_is_an_error_with_its_line(string text)
    {
        var problems = new List<SourceProblem>();
        Assert.Null(YamlSource.Read("f.yaml", Encoding.UTF8.GetBytes(text), problems));
        Assert.StartsWith("f.yaml:", Assert.Single(problems).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_not_UTF8_are_an_error()
    {
        var problems = new List<SourceProblem>();
        Assert.Null(YamlSource.Read("f.yaml", [0x61, 0x3a, 0x20, 0xff, 0xfe], problems));
        Assert.Equal("f.yaml: the file is not UTF-8 text", Assert.Single(problems).ToString());
    }

    [Fact]
    public void A_bomb_of_aliases_does_not_go_off()
    {
        var text = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for (var i = 1; i < 30; i++) text.Append($"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 9))}]\n");
        var problems = new List<SourceProblem>();
        Assert.Null(YamlSource.Read("f.yaml", Encoding.UTF8.GetBytes(text.ToString()), problems));
        Assert.NotEmpty(problems);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(100_000)]
    public void Deep_nesting_is_an_error_and_no_stack_overflow(int depth)
    {
        var problems = new List<SourceProblem>();
        Assert.Null(YamlSource.Read("f.yaml", Encoding.UTF8.GetBytes(new string('[', depth) + new string(']', depth)), problems));
        Assert.NotEmpty(problems);
    }

    [Fact]
    public void A_file_beyond_the_bound_is_refused_unread()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("yaml-").FullName, "large.yaml");
        using (var file = File.Create(path)) file.SetLength(100_000_000);
        var problems = new List<SourceProblem>();
        Assert.Null(YamlSource.ReadFile(path, problems));
        Assert.Equal($"{path}: the file has 100000000 bytes; at most 16777216 are read", Assert.Single(problems).ToString());
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Fact]
    public void A_file_that_is_not_there_is_an_error()
    {
        var problems = new List<SourceProblem>();
        Assert.Null(YamlSource.ReadFile("/nonexistent/a.yaml", problems));
        Assert.StartsWith("/nonexistent/a.yaml: cannot be read: ", Assert.Single(problems).ToString(), StringComparison.Ordinal);
        problems.Clear();
        Assert.Null(YamlSource.ReadFile("/tmp", problems));
        Assert.Equal("/tmp: this is a folder, not a file", Assert.Single(problems).ToString());
    }

    private static SourceNode Read(string text)
    {
        var problems = new List<SourceProblem>();
        var node = YamlSource.Read("f.yaml", Encoding.UTF8.GetBytes(text), problems);
        Assert.Empty(problems);
        return node!;
    }
}
