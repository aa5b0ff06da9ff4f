using System.Net;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Revocation;
using AuthIndex.TestKit;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.RegistryCore.Tests.Revocation;

/// <summary>A registry beside an index that is not as it should be.</summary>
public sealed class RevocationFollowerTests
{
    private const string Entry = """{"sequence":9,"kind":"token","value":"id-9","issuedBefore":99999999999,"expires":99999999999}""";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Another_list_is_read_from_its_beginning_though_the_index_does_not_look_at_the_epoch()
    {
        await using var index = await StandIn.StartAsync();
        var epoch = "one";
        index.Answer = http => AnswerAsync(http, (epoch, http.Request.Query["after"].ToString()) switch
        {
            ("one", "0") => Answer("one", 5, ""),
            ("two", "0") => Answer("two", 9, Entry.Replace('9', '3') + "," + Entry),
            ("two", "5") => Answer("two", 9, Entry),
            _ => null,
        });
        await using var registry = await StartAsync(index);
        await Eventually.TrueAsync(() => index.Asked.Count >= 2, Patience, () => "not asked on");
        Assert.Empty(Known(registry));

        epoch = "two";
        await ExpectKnownAsync(registry, "id-3", "id-9");
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"epoch":"e","sequence":1}""")]
    [InlineData("""{"epoch":null,"sequence":1,"revocations":[]}""")]
    [InlineData("""{"epoch":"e","revocations":[]}""")]
    [InlineData("""{"epoch":"e","sequence":1,"revocations":[null]}""")]
    [InlineData("""{"epoch":"e","sequence":1,"revocations":[{"kind":"token","issuedBefore":1,"expires":99999999999}]}""")]
    public async Task An_answer_out_of_form_is_none(string body)
    {
        await using var index = await StandIn.StartAsync();
        index.Answer = http => AnswerAsync(http, body);
        using var folder = new TemporaryDirectory();
        OwnerOnlyFile.Write(folder["registry-credential"], "credential");
        using var http = new HttpClient();
        var line = new RevocationFeedClient(Connection.To(index, folder, http));
        Assert.IsType<FeedOutcome.Failed>(await line.AskAsync(new FeedPosition("", 0), TimeSpan.Zero, CancellationToken.None));

        index.Answer = http => AnswerAsync(http, Answer("e", 9, Entry));
        var answer = Assert.IsType<FeedOutcome.Answered>(
            await line.AskAsync(new FeedPosition("", 0), TimeSpan.Zero, CancellationToken.None));
        Assert.Equal((new FeedPosition("e", 9), "id-9"), (answer.Position, Assert.Single(answer.Entries).Value));
    }

    [Theory]
    [InlineData("utf8")]
    [InlineData("gb2312")]
    [InlineData("no-such-charset")]
    public async Task The_charset_that_an_answer_names_is_not_obeyed(string charset)
    {
        await using var index = await StandIn.StartAsync();
        index.Answer = http =>
        {
            http.Response.ContentType = $"application/json; charset={charset}";
            return http.Response.WriteAsync(Answer("e", 9, Entry.Replace("id-9", "ü-9", StringComparison.Ordinal)), http.RequestAborted);
        };
        await using var registry = await StartAsync(index);
        await ExpectKnownAsync(registry, "ü-9");
    }

    [Fact]
    public async Task A_token_server_without_such_a_list_is_told_in_the_log_with_what_to_do()
    {
        await using var index = await StandIn.StartAsync();
        index.Answer = http => AnswerAsync(http, ""); // until the log is recorded
        await using var registry = await StartAsync(index);
        var log = registry.RecordLog();
        index.Answer = http =>
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        };
        await Eventually.TrueAsync(
            () => log.Text.Contains("set registry.revocations.enabled: false", StringComparison.Ordinal), Patience, () => log.Text);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("null")]
    public async Task A_damaged_file_keeps_no_registry_from_starting_and_the_index_tells_everything_again(string content)
    {
        await using var index = await StandIn.StartAsync();
        index.Answer = http => AnswerAsync(http, http.Request.Query["after"] == "0" ? Answer("e", 9, Entry) : null);
        await using var registry = await StartAsync(index);
        await ExpectKnownAsync(registry, "id-9");

        var file = Path.Combine(registry.Root, "revocations.json");
        await registry.RestartAsync(() => File.WriteAllText(file, content));
        await ExpectKnownAsync(registry, "id-9");
        await Eventually.TrueAsync(
            () => File.ReadAllText(file).Contains("id-9", StringComparison.Ordinal), Patience, () => "not written anew");
    }

    private static Task<RegistryHost> StartAsync(StandIn index) => RegistryHost.StartAsync(o =>
    {
        o.Revocations.Enabled = true;
        o.LogLevel = "warning";
        o.TokenServer.Url = index.Url;
        OwnerOnlyFile.Write(o.Identity.CredentialFile, "credential");
    });

    private static string Answer(string epoch, int sequence, string entries) =>
        $$"""{"epoch":"{{epoch}}","sequence":{{sequence}},"revocations":[{{entries}}],"more":false}""";

    /// <summary>Answers; null holds the question for a moment, as an index that has nothing to tell.</summary>
    private static async Task AnswerAsync(HttpContext http, string? body)
    {
        if (body is null)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), http.RequestAborted);
            http.Response.StatusCode = (int)HttpStatusCode.ServiceUnavailable;
            return;
        }

        http.Response.ContentType = "application/json";
        await http.Response.WriteAsync(body, http.RequestAborted);
    }

    private static IEnumerable<string> Known(RegistryHost registry) =>
        registry.Service<RevokedTokens>().All.Select(e => e.Value).Order(StringComparer.Ordinal);

    private static Task ExpectKnownAsync(RegistryHost registry, params string[] values) =>
        Eventually.TrueAsync(
            () => Known(registry).SequenceEqual(values, StringComparer.Ordinal), Patience,
            () => $"known is {string.Join(' ', Known(registry))}");
}
