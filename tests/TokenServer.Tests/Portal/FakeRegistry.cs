using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>An HTTP server in the place of a registry.</summary>
internal sealed class FakeRegistry(WebApplication app, List<string> authorizations) : IAsyncDisposable
{
    public Uri Url => new(app.Urls.First() + "/");

    /// <summary>With what it was asked.</summary>
    public IReadOnlyList<string> Authorizations => authorizations;

    public static async Task<FakeRegistry> StartAsync(Func<HttpContext, Task> answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var authorizations = new List<string>();
        app.Run(http =>
        {
            lock (authorizations) authorizations.Add(http.Request.Headers.Authorization.ToString());
            return answer(http);
        });
        await app.StartAsync();
        return new FakeRegistry(app, authorizations);
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
    }
}
