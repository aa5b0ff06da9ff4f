using System.Text.Json;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>What a tag pointed at, and the way back.</summary>
public sealed class TagHistoryTests
{
    private const string Repository = "tags/repo";

    private static readonly string Scope = $"repository:{Repository}:pull,push,delete";

    [Fact]
    public async Task A_tag_goes_back_to_what_it_was_unless_that_is_gone()
    {
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        await using var server = await RegistryProcess.ServeAsync(folder.Root, tokens);
        using var http = server.Client(tokens, Scope);
        var (first, second, never) = (new TestImage(1), new TestImage(2), new TestImage(3));
        await first.PushAsync(http, Repository, "latest");
        Assert.Equal(1, (await RunAsync("rollback", Repository, "latest")).Status);
        await second.PushAsync(http, Repository, "latest");
        await never.PushAsync(http, Repository, "other");

        Assert.Equal(0, (await RunAsync("rollback", Repository, "latest")).Status);
        await first.AssertPullableAsync(http, Repository, "latest");
        Assert.Equal(0, (await RunAsync("rollback", Repository, "latest", second.Digest)).Status);
        await second.AssertPullableAsync(http, Repository, "latest");
        Assert.Contains(
            "never pointed at", (await RunAsync("rollback", Repository, "latest", never.Digest)).Error, StringComparison.Ordinal);

        await TestImage.StatusAsync(http, HttpMethod.Delete, $"/v2/{Repository}/manifests/latest");
        Assert.Equal(0, (await RunAsync("rollback", Repository, "latest")).Status);
        await second.AssertPullableAsync(http, Repository, "latest");
        await TestImage.StatusAsync(http, HttpMethod.Delete, $"/v2/{Repository}/manifests/{first.Digest}");
        Assert.Contains(
            "has been deleted", (await RunAsync("rollback", Repository, "latest", first.Digest)).Error, StringComparison.Ordinal);

        using var history = JsonDocument.Parse((await RunAsync("history", Repository, "latest", "--json")).Output);
        string?[] expected = [second.Digest, null, second.Digest, first.Digest, second.Digest, first.Digest];
        Assert.Equal(expected, history.RootElement.EnumerateArray().Select(m => m.GetProperty("newDigest").GetString()));
        Assert.Equal("alice", history.RootElement[1].GetProperty("by").GetString());
        Assert.StartsWith("operator ", history.RootElement[0].GetProperty("by").GetString(), StringComparison.Ordinal);

        Task<(int Status, string Output, string Error)> RunAsync(params string[] arguments) =>
            RegistryProcess.RunAsync(null, ["tags", .. arguments, "--data", folder.Root]);
    }
}
