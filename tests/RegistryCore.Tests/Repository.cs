using System.Net;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests;

/// <summary>A repository of a registry in the hands of one account.</summary>
internal sealed class Repository
{
    public Repository(
        RegistryHost host, string name, string account = "alice", string actions = "pull,push,delete", params string[] otherScopes)
    {
        Host = host;
        Name = name;
        Client = host.With(host.Tokens.Make(account, [$"repository:{name}:{actions}", .. otherScopes]));
    }

    public RegistryHost Host { get; }

    public string Name { get; }

    public HttpClient Client { get; }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The same repository in other hands.</summary>
    public Repository As(string account, string actions = "pull,push,delete", params string[] otherScopes) =>
        new(Host, Name, account, actions, otherScopes);

    /// <summary>The path of something in the repository.</summary>
    public string PathOf(string tail) => $"/v2/{Name}/{tail}";

    /// <summary>Sends a request to a tail of the repository, or to a path or URL that the registry gave.</summary>
    public async Task<Answer> SendAsync(
        HttpMethod method, string tail, HttpContent? content = null, params (string Name, string Value)[] headers)
    {
        var isLocation = tail.StartsWith('/') || tail.StartsWith("http", StringComparison.Ordinal);
        using var request = new HttpRequestMessage(method, isLocation ? tail : PathOf(tail)) { Content = content };
        foreach (var (name, value) in headers)
        {
            if (name.StartsWith("Content-", StringComparison.Ordinal))
            {
                Assert.True((request.Content ??= new ByteArrayContent([])).Headers.TryAddWithoutValidation(name, value));
            }
            else Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        }

        using var response = await Client.SendAsync(request, Cancellation);
        return await Answer.ReadAsync(response);
    }

    public Task<Answer> GetAsync(string tail, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Get, tail, null, headers);

    public Task<Answer> HeadAsync(string tail, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Head, tail, null, headers);

    public Task<Answer> PutAsync(string tail, byte[] body, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Put, tail, new ByteArrayContent(body), headers);

    public Task<Answer> PatchAsync(string tail, byte[] body, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Patch, tail, new ByteArrayContent(body), headers);

    public Task<Answer> PostAsync(string tail, byte[]? body = null, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Post, tail, body is null ? null : new ByteArrayContent(body), headers);

    public Task<Answer> DeleteAsync(string tail, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Delete, tail, null, headers);

    /// <summary>Begins an upload session.</summary>
    /// <returns>Its location.</returns>
    public async Task<string> StartUploadAsync()
    {
        var answer = await PostAsync("blobs/uploads/");
        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        return answer["Location"];
    }

    /// <summary>Begins a PATCH that is in the session when this returns: the server asks for its body.</summary>
    public Task<RawConnection> BeginPatchAsync(string location, int length) => BeginAsync(HttpMethod.Patch, location, length);

    /// <summary>Begins a request that is being handled when this returns: the server asks for its body.</summary>
    public async Task<RawConnection> BeginAsync(HttpMethod method, string location, int length)
    {
        var connection = await RawConnection.OpenAsync(Client);
        var token = Host.Tokens.Make("alice", $"repository:{Name}:push");
        await connection.WriteAsync(
            $"{method} {location} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: "
            + $"{length}\r\nExpect: 100-continue\r\n\r\n");
        Assert.Equal(HttpStatusCode.Continue, (await connection.ReadAnswerAsync()).Status);
        return connection;
    }

    /// <summary>Pushes a blob whole.</summary>
    public async Task<Content> PushBlobAsync(Content? blob = null)
    {
        blob ??= Content.Random();
        var answer = await PostAsync($"blobs/uploads/?digest={blob.Digest}", blob.Bytes);
        Assert.Equal(HttpStatusCode.Created, answer.Status);
        return blob;
    }

    /// <summary>Pushes a manifest under a tag or digest.</summary>
    public async Task<Content> PushManifestAsync(Content manifest, string? reference = null, string type = Manifest.Index)
    {
        var answer = await TryPushManifestAsync(manifest, reference ?? manifest.Digest, type);
        Assert.Equal(HttpStatusCode.Created, answer.Status);
        return manifest;
    }

    /// <summary>Pushes a manifest, as far as the registry takes it.</summary>
    public Task<Answer> TryPushManifestAsync(
        Content manifest, string reference, string? type = Manifest.Index, params (string Name, string Value)[] headers) =>
        PutAsync($"manifests/{reference}", manifest.Bytes, type is null ? headers : [("Content-Type", type), .. headers]);

    /// <summary>Pushes an image of a config and a layer.</summary>
    public async Task<Content> PushImageAsync(string? tag = null)
    {
        var (config, layer) = (await PushBlobAsync(), await PushBlobAsync());
        return await PushManifestAsync(Manifest.OfImage(config, [layer]), tag, Manifest.Image);
    }
}
