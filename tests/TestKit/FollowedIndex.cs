using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AuthIndex.RegistryCore;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.State.Sqlite;

namespace AuthIndex.TestKit;

/// <summary>
/// An index and registries that follow what it revokes, all in this process and by one clock, with a line between them that a test can
/// cut. The tokens are the index's own.
/// </summary>
internal sealed class FollowedIndex : IAsyncDisposable
{
    private readonly TemporaryDirectory folder = new();
    private readonly Dictionary<string, RegistryHost> registries = new(StringComparer.Ordinal);

    private FollowedIndex(IndexRelay line) => Line = line;

    /// <summary>The line by which all registries reach the index.</summary>
    public IndexRelay Line { get; }

    /// <summary>The index.</summary>
    public TokenServerHost Index { get; private set; } = null!;

    /// <summary>The clock of all.</summary>
    public FakeTimeProvider Clock => Index.Clock;

    /// <summary>Starts an index, and a registry for each service; one named <c>registry</c> without any.</summary>
    public static async Task<FollowedIndex> StartAsync(Action<RegistryOptions>? configure = null, params string[] services)
    {
        if (services.Length == 0) services = ["registry"];
        var started = new FollowedIndex(await IndexRelay.StartAsync());
        foreach (var service in services) await started.WriteCredentialAsync(service, $"credential-of-{service}");
        started.Index = await TokenServerHost.StartAsync(
            o => o.Services = [.. services.Select(s => new ServiceOptions { Name = s, CredentialFile = started.CredentialFile(s) })]);
        started.Connect();
        foreach (var service in services)
        {
            started.registries[service] = await RegistryHost.StartAsync(
                o =>
                {
                    o.Service = service;
                    o.LogLevel = "information";
                    o.TokenServer.KeysFile = null;
                    o.TokenServer.Url = started.Line.Address;
                    o.TokenServer.CredentialFile = started.CredentialFile(service);
                    o.Revocations.Enabled = true;
                    configure?.Invoke(o);
                },
                started.Clock);
        }

        return started;
    }

    /// <summary>The one registry, or the one of a service.</summary>
    public RegistryHost Registry(string service = "registry") => registries[service];

    /// <summary>Lets the registries reach the index.</summary>
    public void Connect() => Line.Target = Index.Address;

    /// <summary>Cuts the line.</summary>
    public void Disconnect() => Line.Target = null;

    /// <summary>Writes the credential that a registry shows.</summary>
    public Task ShowCredentialAsync(string service, bool right) =>
        WriteCredentialAsync(service, right ? $"credential-of-{service}" : "some-other-credential");

    /// <summary>A token as docker gets it.</summary>
    public async Task<string> TokenAsync(
        string service = "registry", string user = "alice", string password = TokenServerHost.AlicePassword)
    {
        using var answer = await Index.GetAsync($"/token?service={service}&scope=repository:users/{user}/app:pull,push", user, password);
        return (string)(await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonNode>())!["token"]!;
    }

    /// <summary>Shows a token to a registry.</summary>
    public async Task<HttpResponseMessage> ShowAsync(string token, string service = "registry")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v2/");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await Registry(service).Client.SendAsync(request);
    }

    /// <summary>Suspends an account as the command does: over a connection of its own.</summary>
    public async Task SuspendAsync(string account = "alice")
    {
        await using var database = new StateDatabase(Index.Options.DatabaseFile);
        if (await new SqliteSuspensionStore(database).SuspendAsync(account, "root", "left", Clock.GetUtcNow()) is Suspension existing)
        {
            throw new InvalidOperationException($"{existing} already");
        }
    }

    /// <summary>Lets it sign in again, likewise.</summary>
    public async Task ResumeAsync(string account = "alice")
    {
        await using var database = new StateDatabase(Index.Options.DatabaseFile);
        if (await new SqliteSuspensionStore(database).ResumeAsync(account, Clock.GetUtcNow()) == Resumption.NotSuspended)
        {
            throw new InvalidOperationException("not suspended");
        }
    }

    /// <summary>How long a revocation is kept.</summary>
    public static TimeSpan KeptFor => IRevocationStore.LongestLife;

    /// <summary>How many revocations lie in the index's database.</summary>
    public long RevocationCount => Index.Service<StateDatabase>().Read(db =>
    {
        using var command = db.CreateCommand();
        command.CommandText = "SELECT count(*) FROM revocations";
        return (long)command.ExecuteScalar()!;
    });

    /// <summary>Revokes one token by its <c>jti</c>.</summary>
    public Task RevokeTokenAsync(string id) => RevokeAsync(RevocationKind.Token, id, Clock.GetUtcNow() + KeptFor);

    /// <summary>Revokes every token under a grant.</summary>
    public Task RevokeGrantAsync(string id) => RevokeAsync(RevocationKind.Grant, id, Clock.GetUtcNow() + KeptFor);

    /// <summary>Revokes the tokens that an account has now.</summary>
    public Task RevokeAccountAsync(string name) => RevokeAsync(RevocationKind.Account, name, Clock.GetUtcNow());

    /// <summary>Restarts the index without its database.</summary>
    public Task ForgetIndexAsync() => Index.RestartAsync(() =>
    {
        foreach (var file in Directory.GetFiles(Path.GetDirectoryName(Index.Options.DatabaseFile)!, "*index.db*")) File.Delete(file);
    });

    /// <summary>The readiness of a registry.</summary>
    public async Task<(int Status, JsonNode Body)> ReadyAsync(string service = "registry")
    {
        using var answer = await Registry(service).Client.GetAsync(new Uri("/healthz/ready", UriKind.Relative));
        return ((int)answer.StatusCode, (await answer.Content.ReadFromJsonAsync<JsonNode>())!);
    }

    /// <summary>Waits until a registry hears of the index, or until it does not.</summary>
    public Task ExpectReachedAsync(bool isReached = true, string service = "registry") => Eventually.TrueAsync(
        async () => (bool)(await ReadyAsync(service)).Body["parts"]!["revocationFeed"]!["isReached"]! == isReached,
        TimeSpan.FromSeconds(30), () => $"never {(isReached ? "reached" : "lost")}");

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var registry in registries.Values) await registry.DisposeAsync();
        await Index.DisposeAsync();
        await Line.DisposeAsync();
        folder.Dispose();
    }

    private async Task RevokeAsync(RevocationKind kind, string value, DateTimeOffset issuedBefore)
    {
        var now = Clock.GetUtcNow();
        await Index.Service<StateDatabase>().WriteAsync(db =>
        {
            SqliteEndings.Revoke(db, kind, value, now, issuedBefore);
            return 0;
        });
        Index.Service<RevocationWatch>().Wake();
    }

    private string CredentialFile(string service) => folder[$"credential-{service}"];

    private Task WriteCredentialAsync(string service, string credential)
    {
        OwnerOnlyFile.Write(CredentialFile(service), credential);
        return Task.CompletedTask;
    }
}
