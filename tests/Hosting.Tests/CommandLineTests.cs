using AuthIndex.Hosting.Configuration;

namespace AuthIndex.Hosting.Tests;

public sealed class CommandLineTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_section_is_bound_from_the_file_and_the_settings()
    {
        var options = Bind("tokenServer: {count: 1}\nregistry: {count: 2, name: kept}", "--set", "registry.count=3");
        Assert.Equal((3, "kept"), (options.Count, options.Name));
    }

    [Theory]
    [InlineData("registy: {count: 1}", "1:1: registy: no such section; did you mean 'registry'?")]
    [InlineData("registry: {count: 1}\nRegistry: {count: 2}", "2:1: Registry: no such section; did you mean 'registry'?")]
    [InlineData("registry: {cuont: 1}", "1:12: registry.cuont: no such key; did you mean 'count'?")]
    public void A_misspelt_section_or_key_is_refused(string text, string problem) =>
        Assert.Equal($"{folder["authindex.yaml"]}:{problem}", Assert.Throws<OperatorException>(() => Bind(text)).Message);

    [Theory]
    [InlineData("registry: [a]", "1:11: registry: expected a mapping of keys, found a list")]
    [InlineData("registry: foo", "1:11: registry: expected a mapping of keys, found 'foo'")]
    [InlineData("tokenServer: 7", "1:14: tokenServer: expected a mapping of keys, found '7'")]
    public void A_section_that_is_no_mapping_is_refused_whoever_reads_it_and_whatever_the_command_line_adds(string text, string problem) =>
        Assert.Equal(
            $"{folder["authindex.yaml"]}:{problem}",
            Assert.Throws<OperatorException>(
                () => Bind(text, "--data", folder["given"], "--set", "registry.count=3", "--default", "registry.name=x")).Message);

    [Fact]
    public async Task What_the_machine_refuses_is_told_in_one_line()
    {
        var root = new CommandLine().Root("sample");
        root.SetAction((_, _) => Task.FromException<int>(new UnauthorizedAccessException("Access to the path '/x' is denied.")));
        Assert.Equal(1, await CommandLine.RunAsync(root, []));
    }

    [Fact]
    public void Every_problem_is_told_at_once() =>
        Assert.Equal(3, Assert.Throws<OperatorException>(() => Bind("registry: {a: 1, b: 2, count: x}")).Message.Split('\n').Length);

    [Fact]
    public void The_data_directory_of_the_command_line_goes_over_the_file() =>
        Assert.Equal(folder["given"], Bind("registry: {dataDirectory: configured}", "--data", folder["given"]).DataDirectory);

    [Fact]
    public void The_data_directory_of_the_file_stays_without_one_on_the_command_line() =>
        Assert.Equal(folder["configured"], Bind("registry: {dataDirectory: configured}").DataDirectory);

    private SampleOptions Bind(string text, params string[] arguments)
    {
        var line = new CommandLine();
        return line.Bind<SampleOptions>(
            line.Root("sample").Parse(["--config", folder.Write("authindex.yaml", text), .. arguments]), "registry");
    }

    internal sealed class SampleOptions
    {
        public int Count { get; set; }

        public string Name { get; set; } = "";

        [FilePath]
        public string DataDirectory { get; set; } = "";
    }
}
