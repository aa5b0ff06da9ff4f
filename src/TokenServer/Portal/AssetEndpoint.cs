using System.Collections.Frozen;
using System.Security.Cryptography;
using AuthIndex.Hosting.Files;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Portal;

/// <summary>The stylesheet, the script and the icon, from the program itself.</summary>
internal static class AssetEndpoint
{
    /// <summary>The path below which the style sheet and the script are served.</summary>
    public const string Path = "/portal";

    private static readonly FrozenDictionary<string, Asset> Assets = new[]
    {
        Load("style.css", "text/css; charset=utf-8"),
        Load("script.js", "text/javascript; charset=utf-8"),
        Load("icon.svg", "image/svg+xml"),
    }.ToFrozenDictionary(a => a.Name, StringComparer.Ordinal);

    private static readonly ErrorAnswer NotThere = ErrorAnswer.NotFound("the portal has no such file");

    /// <summary>The path of an asset; another one when its content is another.</summary>
    public static string PathOf(string name) => $"{Path}/{name}?v={Assets[name].Version}";

    /// <summary>Serves one file, which browsers may keep for a year: its address changes with its content.</summary>
    public static Task<Answer> AnswerAsync(RouteRequest request) => Task.FromResult<Answer>(
        Assets.TryGetValue(request.Argument, out var asset) ? new AssetAnswer(asset) : NotThere);

    private static Asset Load(string name, string type)
    {
        using var stream = EmbeddedFile.Open(typeof(AssetEndpoint).Assembly, $"AuthIndex.TokenServer.Portal.Assets.{name}");
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return new Asset(name, type, content, Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 8)));
    }

    private sealed record Asset(string Name, string Type, byte[] Content, string Version);

    private sealed record AssetAnswer(Asset Asset) : Answer
    {
        public override Task SendAsync(HttpResponse response)
        {
            PageHeaders.AddTo(response.Headers);
            response.Headers.CacheControl = "public, max-age=31536000, immutable"; // its address changes with its content
            response.ContentType = Asset.Type;
            response.ContentLength = Asset.Content.Length;
            return response.BodyWriter.WriteAsync(Asset.Content, CancellationToken.None).AsTask();
        }
    }
}
