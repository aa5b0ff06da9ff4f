using System.Text.RegularExpressions;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>
/// No test can cut the power; but the system calls show that an answer never comes before what it promises is on the disk.
/// </summary>
public sealed partial class DurabilityOrderTests
{
    [Fact]
    public async Task An_answer_follows_the_sync_of_the_file_the_rename_the_sync_of_the_folder_and_the_sync_of_the_database()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace is not installed.");
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        var trace = folder["trace"];
        var image = new TestImage(1);
        string[] strace = [
            "/usr/bin/strace", "-D", "-f", "-y", "-s", "32", "-o", trace, "-e",
                "trace=fsync,fdatasync,?rename,?renameat,?renameat2,sendto,sendmsg,write"];
        await using (var server = await RegistryProcess.ServeUnderAsync(strace, folder.Root, tokens))
        {
            Assert.SkipWhen(server.Address is null, $"strace cannot trace here: {server.Log}");
            using var http = server.Client(tokens, "repository:order/repo:pull,push");
            Assert.Equal(System.Net.HttpStatusCode.Created, await TestImage.PushBlobAsync(http, "order/repo", image.Config));
            await image.PushAsync(http, "order/repo", "latest");
            await server.StopAsync();
        }

        await RegistryProcess.Until(() => File.ReadAllText(trace).Contains("+++ exited", StringComparison.Ordinal));
        var events = Events(await File.ReadAllLinesAsync(trace, TestContext.Current.CancellationToken));
        var layer = TestImage.DigestOf(image.Layer)[7..];
        var blobFolder = $"/blobs/sha256/{layer[..2]}";
        var renamed = events.FindIndex(
            e => e.Name.StartsWith("rename", StringComparison.Ordinal)
            && e.Text.Contains($"{blobFolder}/{layer}\"", StringComparison.Ordinal));
        Assert.True(renamed > 0, string.Join('\n', events));

        var source = UploadFile().Match(events[renamed].Text).Value;
        Assert.Contains(events[..renamed], e => IsSync(e, source));
        var folderSynced = events.FindIndex(renamed, e => IsSync(e, blobFolder + ">"));
        var committed = events.FindIndex(renamed, e => IsSync(e, "registry.db-wal>"));
        var answered = events.FindIndex(renamed, e => IsAnswer(e, 201));
        Assert.True(renamed < folderSynced && folderSynced < committed && committed < answered, string.Join('\n', events[renamed..]));

        // The manifest is rows alone: between the blob's answer and its own lies a sync of the database.
        var manifestAnswered = events.FindIndex(answered + 1, e => IsAnswer(e, 201));
        Assert.Contains(events[answered..manifestAnswered], e => IsSync(e, "registry.db-wal>"));
    }

    /// <summary>The calls in the order in which they returned; answers in the order in which they were begun.</summary>
    private static List<(string Name, string Text)> Events(IEnumerable<string> lines)
    {
        var events = new List<(string, string)>();
        var begun = new Dictionary<string, string>();
        foreach (var match in lines.Select(l => Line().Match(l)).Where(m => m.Success))
        {
            var (thread, text) = (match.Groups["thread"].Value, match.Groups["text"].Value);
            if (text.StartsWith("<... ", StringComparison.Ordinal))
            {
                text = begun.Remove(thread, out var beginning) ? beginning + text : text;
            }
            else if (text.Contains("<unfinished", StringComparison.Ordinal) && !text.Contains("HTTP/1.1", StringComparison.Ordinal))
            {
                begun[thread] = text;
                continue;
            }

            events.Add((text.Split('(')[0], text));
        }

        return events;
    }

    private static bool IsSync((string Name, string Text) call, string path) =>
        call.Name is "fsync" or "fdatasync" && call.Text.Contains(path, StringComparison.Ordinal);

    private static bool IsAnswer((string Name, string Text) call, int status) =>
        call.Text.Contains($"HTTP/1.1 {status}", StringComparison.Ordinal);

    [GeneratedRegex(@"^(?<thread>\d+) +(?<text>.*)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Line();

    [GeneratedRegex(@"uploads/[0-9a-f]{32}\.data", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex UploadFile();
}
