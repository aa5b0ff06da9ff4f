using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.State.Sqlite;

namespace AuthIndex.TokenServer.Tests.Grants;

/// <summary>What tests of tokens ask of a server, and what they read in its answers.</summary>
internal static class GrantHost
{
    public const string OwnApp = "repository:users/alice/app:pull,push";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Sends a form to a path.</summary>
    public static async Task<HttpResponseMessage> FormAsync(
        this TokenServerHost host, string path, params (string Name, string Value)[] form)
    {
        using var content = new FormUrlEncodedContent(form.Select(p => KeyValuePair.Create(p.Name, p.Value)));
        return await host.Client.PostAsync(new Uri(path, UriKind.Relative), content, Cancel);
    }

    /// <summary>Asks for a token with a password, as a form.</summary>
    public static Task<HttpResponseMessage> PasswordAsync(
        this TokenServerHost host, string user = "alice", string password = TokenServerHost.AlicePassword,
        params (string Name, string Value)[] more) =>
        host.FormAsync(
            "/token",
            [("grant_type", "password"), ("service", "registry"), ("client_id", "docker"), ("username", user), ("password", password),
                .. more]);

    /// <summary>Asks for a token with a refresh token, as a form.</summary>
    public static Task<HttpResponseMessage> RefreshAsync(
        this TokenServerHost host, string token, string service = "registry", string client = "docker",
        params (string Name, string Value)[] more) =>
        host.FormAsync(
            "/token", [("grant_type", "refresh_token"), ("service", service), ("client_id", client), ("refresh_token", token), .. more]);

    /// <summary>A refresh token of alice, as docker login gets one.</summary>
    public static async Task<string> LoginAsync(
        this TokenServerHost host, string user = "alice", string password = TokenServerHost.AlicePassword, string client = "docker",
        string service = "registry")
    {
        using var answer = await host.GetAsync($"/token?service={service}&client_id={client}&offline_token=true", user, password);
        return (await answer.JsonAsync())["refresh_token"]!.GetValue<string>();
    }

    /// <summary>Makes an access token by the account's API.</summary>
    public static async Task<JsonObject> MakeAsync(
        this TokenServerHost host, object request, string user = "alice", string password = TokenServerHost.AlicePassword)
    {
        using var answer = await host.AccountAsync(HttpMethod.Post, "", user, password, JsonSerializer.Serialize(request));
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return await answer.JsonAsync();
    }

    /// <summary>Calls the account's API.</summary>
    public static async Task<HttpResponseMessage> AccountAsync(
        this TokenServerHost host, HttpMethod method, string tail, string? user, string? password, string? body = null,
        string type = "application/json")
    {
        using var request = new HttpRequestMessage(method, "/account/v1/tokens" + tail);
        if (user is not null) request.Headers.Authorization = TokenServerHost.Basic(user, password!);
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, type);
        return await host.Client.SendAsync(request, Cancel);
    }

    public static async Task<JsonObject> JsonAsync(this HttpResponseMessage answer) =>
        JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancel))!.AsObject();

    /// <summary>The status and the word of RFC 6749 in an answer.</summary>
    public static async Task<string> ErrorAsync(this Task<HttpResponseMessage> answering)
    {
        using var answer = await answering;
        var body = await answer.JsonAsync();
        Assert.Equal(body["error_description"]?.ToString(), body["errors"]?[0]?["message"]?.ToString());
        Assert.Equal(
            answer.StatusCode == HttpStatusCode.Unauthorized ? body["error_description"]!.ToString() : null, body["details"]?.ToString());
        return $"{(int)answer.StatusCode} {body["error"]}: {body["error_description"]}";
    }

    /// <summary>The claims of the token in an answer that must be one.</summary>
    public static async Task<JsonObject> ClaimsAsync(this Task<HttpResponseMessage> answering)
    {
        using var answer = await answering;
        var text = await answer.Content.ReadAsStringAsync(Cancel);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, text);
        return JsonNode.Parse(
            System.Buffers.Text.Base64Url.DecodeFromChars(JsonNode.Parse(text)!["token"]!.GetValue<string>().Split('.')[1]))!.AsObject();
    }

    /// <summary>What the token in an answer grants, as scopes.</summary>
    public static async Task<string> GrantedAsync(this Task<HttpResponseMessage> answering) => Access(await answering.ClaimsAsync());

    /// <summary>What claims grant, as scopes.</summary>
    public static string Access(JsonObject claims) =>
        string.Join(' ', claims[TokenProfile.Access]!.AsArray().Select(a => $"{a!["name"]}:{string.Join(',', a["actions"]!.AsArray())}"));

    /// <summary>The grant of a secret, as the database has it.</summary>
    public static Grant Grant(this TokenServerHost host, string secret) =>
        host.Service<IGrantStore>().FindAsync(TokenSecret.Parse(secret)!.Hash).AsTask().Result.Grant
        ?? throw new InvalidOperationException("there is no such grant");

    /// <summary>What another process sees and does in the server's database.</summary>
    public static async Task<T> BesideAsync<T>(this TokenServerHost host, Func<IGrantStore, Task<T>> work)
    {
        await using var database = new StateDatabase(host.Options.DatabaseFile);
        return await work(new SqliteGrantStore(database, host.Clock));
    }
}
