using System.Net;
using System.Text.Json.Nodes;

namespace AuthIndex.RegistryCore.Tests.Access;

/// <summary>What a good token opens, and what a caller is told when it opens too little.</summary>
public sealed class AccessCheckTests(SharedRegistry registry) : IClassFixture<SharedRegistry>
{
    [Theory]
    [InlineData("pull", "DELETE", "manifests/v1", "repository:some/repo:delete", "delete")]
    [InlineData("pull,push", "DELETE", "manifests/v1", "repository:some/repo:delete", "delete")]
    [InlineData("pull", "PUT", "manifests/v1", "repository:some/repo:pull,push", "push")]
    [InlineData("delete", "POST", "blobs/uploads/", "repository:some/repo:pull,push", "push")]
    [InlineData("push", "GET", "manifests/v1", "repository:some/repo:pull", "pull")]
    [InlineData("push,delete", "GET", "tags/list", "repository:some/repo:pull", "pull")]
    [InlineData("pull", "DELETE", "blobs/uploads/00000000000000000000000000000000", "repository:some/repo:pull,push", "push")]
    public async Task A_token_that_grants_too_little_is_told_the_scope_and_what_is_missing(
        string actions, string method, string tail, string scope, string missing)
    {
        var answer = await new Repository(registry.Host, "some/repo", "alice", actions).SendAsync(new HttpMethod(method), tail);
        answer.MustBe(HttpStatusCode.Unauthorized, "DENIED");
        Assert.Equal($"the token does not grant {missing} on some/repo", answer.ErrorMessage);
        Assert.EndsWith(
            $",scope=\"{scope}\",error=\"insufficient_scope\",error_description=\"{answer.ErrorMessage}\"", answer["WWW-Authenticate"],
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_action_on_a_repository_opens_every_operation()
    {
        var repository = new Repository(registry.Host, "star/repo", "alice", "*");
        await repository.PushManifestAsync(Manifest.Empty(), "v1");
        (await repository.GetAsync("manifests/v1")).MustBe(HttpStatusCode.OK);
        (await repository.DeleteAsync("manifests/v1")).MustBe(HttpStatusCode.Accepted);
    }

    [Theory]
    [InlineData("repository:some:pull")]
    [InlineData("repository:some/repo/below:pull")]
    [InlineData("repository:some/rep:pull")]
    [InlineData("registry:catalog:*")]
    [InlineData("artifact:some/repo:pull")]
    [InlineData("repository:host:5000/some/repo:pull")]
    public async Task A_scope_of_another_name_or_type_opens_nothing(string scope)
    {
        using var client = registry.Host.As(scope);
        using var response = await client.GetAsync("/v2/some/repo/manifests/v1", TestContext.Current.CancellationToken);
        (await Answer.ReadAsync(response)).MustBe(HttpStatusCode.Unauthorized, "DENIED");
    }

    [Fact]
    public async Task What_the_index_refused_is_denied_with_its_reason_and_no_challenge()
    {
        var answer = await WithRefusals(Refusal("some/repo", "push", "rule release-freeze forbids it"));
        Assert.Equal(
            "push on some/repo refused: rule release-freeze forbids it (decision d1)",
            answer.MustBe(HttpStatusCode.Forbidden, "DENIED").ErrorMessage);
        Assert.Equal("", answer["WWW-Authenticate"]);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("HEAD")]
    public async Task A_read_that_the_index_refused_is_challenged_with_the_reason(string method)
    {
        var answer = await SendAsync(
            new JsonArray(Refusal("other/repo", "pull", "rule secret forbids it")), null, method, "/v2/other/repo/manifests/v1");
        Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
        Assert.EndsWith(
            "error=\"insufficient_scope\",error_description=\"pull on other/repo refused: rule secret forbids it (decision d1)\"",
            answer["WWW-Authenticate"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PUT", "manifests/v1", "push")]
    [InlineData("DELETE", "manifests/v1", "delete")]
    [InlineData(
        "POST", "blobs/uploads/?mount=sha256:0000000000000000000000000000000000000000000000000000000000000000&from=other/repo", "push")]
    [InlineData("PATCH", "blobs/uploads/00000000000000000000000000000000", "push")]
    public async Task Every_write_that_the_index_refused_is_denied(string method, string tail, string action)
    {
        var answer = await SendAsync(
            new JsonArray(Refusal("some/repo", "push,delete", "rule freeze forbids it")), null, method, $"/v2/some/repo/{tail}");
        Assert.Equal(
            $"{action} on some/repo refused: rule freeze forbids it (decision d1)",
            answer.MustBe(HttpStatusCode.Forbidden, "DENIED").ErrorMessage);
    }

    [Fact]
    public async Task A_write_that_the_token_was_never_asked_for_is_challenged()
    {
        var answer = await WithRefusals(Refusal("some/repo", "delete", "rule freeze forbids it"));
        Assert.Equal("the token does not grant push on some/repo", answer.MustBe(HttpStatusCode.Unauthorized, "DENIED").ErrorMessage);
        Assert.EndsWith(
            $"error=\"insufficient_scope\",error_description=\"{answer.ErrorMessage}\"", answer["WWW-Authenticate"],
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_several_reasons_the_one_for_this_operation_is_told()
    {
        var answer = await WithRefusals(
            Refusal("other/repo", "push", "wrong repository"), Refusal("some/repo", "delete", "wrong action"),
            Refusal("some/repo", "push,delete", "the right one"));
        Assert.Contains("the right one", answer.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reason_cannot_break_out_of_the_header()
    {
        var answer = await SendAsync(
            new JsonArray(Refusal("other/repo", "pull", "\",scope=\"x\"\r\nX-Evil: yes")), null, "GET", "/v2/other/repo/manifests/v1");
        Assert.Equal("", answer["X-Evil"]);
        Assert.Contains("refused: \\\",scope=\\\"x\\\"??X-Evil: yes (decision d1)\"", answer["WWW-Authenticate"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_name_and_password_are_told_that_tokens_are_taken_here_and_where_to_get_one()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v2/some/repo/tags/list");
        request.Headers.Authorization = new("Basic", "YWxpY2U6c2VjcmV0");
        using var response = await registry.Host.Client.SendAsync(request, TestContext.Current.CancellationToken);
        var answer = (await Answer.ReadAsync(response)).MustBe(HttpStatusCode.Unauthorized, "UNAUTHORIZED");
        Assert.Contains(
            "get a token with them from http://127.0.0.1:5001/token?service=registry&scope=repository:some/repo:pull,", answer.ErrorMessage,
            StringComparison.Ordinal);
        Assert.DoesNotContain("error=", answer["WWW-Authenticate"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[7,null,\"x\",{}]")]
    [InlineData("\"no list\"")]
    [InlineData("null")]
    [InlineData("""[{"type":"repository","name":"some/repo","actions":"push","reason":"\ud800"}]""")]
    [InlineData("""[{"type":"repository","name":"some/repo","actions":"pull","reason":"not this"}]""")]
    public async Task A_claim_of_refusals_of_another_shape_explains_nothing_and_grants_nothing(string claim)
    {
        var answer = await WithRefusals(JsonNode.Parse("\"CLAIM\"")!, claim);
        Assert.Equal("the token does not grant push on some/repo", answer.MustBe(HttpStatusCode.Unauthorized, "DENIED").ErrorMessage);
    }

    private static JsonObject Refusal(string name, string actions, string reason) =>
        new() { ["type"] = "repository", ["name"] = name, ["actions"] = actions, ["reason"] = reason, ["decision"] = "d1" };

    private Task<Answer> WithRefusals(params JsonObject[] refusals) => WithRefusals(new JsonArray([.. refusals]), null);

    private Task<Answer> WithRefusals(JsonNode claim, string? raw) => SendAsync(claim, raw, "POST", "/v2/some/repo/blobs/uploads/");

    private async Task<Answer> SendAsync(JsonNode claim, string? raw, string method, string path)
    {
        var tokens = registry.Host.Tokens;
        var payload = tokens.Payload("alice", "repository:some/repo:pull");
        payload["refused"] = claim;
        using var client = registry.Host.With(
            tokens.Sign(tokens.Header().ToJsonString(), payload.ToJsonString().Replace("\"CLAIM\"", raw, StringComparison.Ordinal)));
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        return await Answer.ReadAsync(response);
    }
}
