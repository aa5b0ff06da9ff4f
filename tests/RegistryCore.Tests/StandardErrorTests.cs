using AuthIndex.RegistryCore.Tests.Storage;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests;

public sealed class StandardErrorTests
{
    [Fact]
    public async Task A_long_line_is_written_at_once_so_that_no_other_process_comes_between()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace is not installed.");
        using var folder = new TemporaryDirectory();
        var missing = $"/{string.Join('/', Enumerable.Repeat(new string('n', 100), 20))}";
        var told = await ChildProcess.RunAsync(
            "/usr/bin/strace",
            ["-f", "-s", "10000", "-e", "trace=write", "-o", folder["trace"], RegistryProcess.Program, "serve", "--config", missing]);
        Assert.SkipWhen(told.Error.Contains("strace:", StringComparison.Ordinal), $"strace cannot trace here: {told}");

        Assert.StartsWith("error: ", told.Error, StringComparison.Ordinal);
        Assert.Contains(missing, told.Error, StringComparison.Ordinal);
        var written = Assert.Single(
            await File.ReadAllLinesAsync(folder["trace"], TestContext.Current.CancellationToken),
            l => l.Contains("\"error: ", StringComparison.Ordinal));
        Assert.Contains($"{told.Error.TrimEnd('\n')}\\n\"", written, StringComparison.Ordinal);
    }
}
