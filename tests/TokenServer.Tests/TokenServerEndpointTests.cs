using AuthIndex.TestKit;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace AuthIndex.TokenServer.Tests;

public sealed class TokenServerEndpointTests
{
    [Fact]
    public async Task A_body_that_is_cut_before_the_request_is_told_so_breaks_nothing()
    {
        await using var server = await TokenServerHost.StartAsync();
        var (context, request) = (new DefaultHttpContext(), new CutRequest());
        context.Features.Set<IHttpRequestLifetimeFeature>(request);
        context.Features.Set<IHttpMaxRequestBodySizeFeature>(request);
        (context.Request.Method, context.Request.Path, context.Request.ContentType, context.Request.Body) =
            ("POST", "/token", "application/x-www-form-urlencoded", new CutBody());

        await server.Service<TokenServerEndpoint>().HandleAsync(context);

        Assert.True(request.IsAborted);
        Assert.DoesNotContain("failed with an exception", server.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_whose_sign_in_waits_can_send_no_more_ahead_than_the_largest_body()
    {
        await using var server = await TokenServerHost.StartAsync();
        var limits = server.Service<IOptions<KestrelServerOptions>>().Value.Limits;
        Assert.Equal(TokenServerApp.MaxBodyBytes, limits.MaxRequestBodySize);
        Assert.Equal(TokenServerApp.MaxBodyBytes, limits.MaxRequestBufferSize);
    }

    private sealed class CutRequest : IHttpRequestLifetimeFeature, IHttpMaxRequestBodySizeFeature
    {
        public bool IsAborted { get; private set; }

        public CancellationToken RequestAborted { get; set; }

        public bool IsReadOnly => false;

        public long? MaxRequestBodySize { get; set; }

        public void Abort() => IsAborted = true;
    }

    /// <summary>What Kestrel's body does when the connection is cut.</summary>
    private sealed class CutBody : MemoryStream
    {
        public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken) =>
            Task.FromException(new OperationCanceledException("The request was aborted", new ConnectionAbortedException()));
    }
}
