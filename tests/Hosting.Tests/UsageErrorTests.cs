using System.CommandLine;

namespace AuthIndex.Hosting.Tests;

public sealed class UsageErrorTests
{
    [Theory]
    [InlineData("ad x", "error: unknown command 'ad'; did you mean 'add'?", "usage: {0} add|list …; --help explains")]
    [InlineData("", "error: missing command", "usage: {0} add|list …; --help explains")]
    [InlineData("add", "error: missing argument NAME", "usage: {0} add NAME [GROUP…] [OPTION…]; --help explains")]
    [InlineData(
        "add x --fsat", "error: unknown option '--fsat'; did you mean '--fast'?",
        "usage: {0} add NAME [GROUP…] [OPTION…]; --help explains")]
    [InlineData(
        "add x --confg y", "error: unknown option '--confg'; did you mean '--config'?",
        "usage: {0} add NAME [GROUP…] [OPTION…]; --help explains")]
    [InlineData("list x", "error: unexpected argument 'x'", "usage: {0} list [OPTION…]; --help explains")]
    [InlineData(
        "list --kind c", "error: argument 'c' not recognized. Must be one of: 'a' 'b'", "usage: {0} list [OPTION…]; --help explains")]
    [InlineData("list --kind", "error: required argument missing for option: '--kind'", "usage: {0} list [OPTION…]; --help explains")]
    public void A_wrong_command_line_is_named_with_the_form_of_the_command(string arguments, string error, string usage)
    {
        var root = Sample();
        Assert.Equal([error, string.Format(usage, root.Name)], UsageError.Lines(root.Parse(arguments)));
    }

    [Fact]
    public async Task A_wrong_command_line_ends_with_status_2() =>
        Assert.Equal(2, await CommandLine.RunAsync(Sample(), ["list", "--bogus"]));

    [Theory]
    [InlineData("list", false)]
    [InlineData("add --fast x y", false)]
    [InlineData("add -- --fsat", false)]
    [InlineData("add --fsat", true)]
    [InlineData("add --help --bogus", false)]
    [InlineData("bogus", true)]
    public void A_misspelled_option_is_no_argument(string arguments, bool isError) =>
        Assert.Equal(isError, UsageError.IsOne(Sample().Parse(arguments)));

    private static RootCommand Sample()
    {
        var kind = new Option<string>("--kind");
        kind.AcceptOnlyFromAmong("a", "b");
        var root = new CommandLine().Root("sample");
        root.Add(
            new Command(
                "add") { new Argument<string>("NAME"), new Argument<string[]>("GROUP") { Arity = ArgumentArity.ZeroOrMore },
                    new Option<bool>("--fast") });
        root.Add(new Command("list") { kind });
        foreach (var command in root.Subcommands) command.SetAction(_ => 0);
        return root;
    }
}
