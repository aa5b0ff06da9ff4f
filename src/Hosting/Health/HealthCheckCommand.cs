using System.CommandLine;
using System.Net;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Web;

namespace AuthIndex.Hosting.Health;

/// <summary>
/// <c>healthcheck</c>: asks the server that runs here, under the same configuration, whether it is ready. For container engines,
/// whose probes are programs inside the container.
/// </summary>
public static class HealthCheckCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Makes the command <c>healthcheck</c>.</summary>
    /// <param name="bind">The server's options.</param>
    public static Command Create(Func<ParseResult, ListenerOptions> bind)
    {
        var live = new Option<bool>("--live") { Description = "Check only that the process answers, not that it is ready for traffic." };
        var command = new Command(
            "healthcheck", "Check whether the server on this machine is ready; exit with status 0 only then.") { live };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await Console.Out.WriteLineAsync(
                await AskAsync(
                    bind(parsed), parsed.GetValue(live) ? HealthEndpoint.LivePath : HealthEndpoint.ReadyPath, cancellationToken));
            return 0;
        });
        return command;
    }

    /// <summary>Asks, and gives the answer.</summary>
    /// <exception cref="OperatorException">Nothing answers within 5 s, or the answer is another than 200.</exception>
    internal static async Task<string> AskAsync(ListenerOptions options, string path, CancellationToken cancellationToken)
    {
        var url = new Uri($"{(options.Tls.CertificateFile is null ? "http" : "https")}://{Callable(options.Listen)}{path}");
        using var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false };
#pragma warning disable CA5359 // its name is the one that its clients know, hardly that of this address; and no secret goes there
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        using var http = new HttpClient(handler) { Timeout = Patience };
        try
        {
            using var answer = await http.GetAsync(url, cancellationToken);
            var said = await answer.Content.ReadAsStringAsync(cancellationToken);
            return answer.StatusCode == HttpStatusCode.OK
                ? said
                : throw new OperatorException($"not ready: {url} answers {(int)answer.StatusCode} {LogText.Clean(said)}");
        }
        catch (HttpRequestException e)
        {
            throw new OperatorException($"nothing answers at {url}: {e.Message}", e);
        }
        catch (TaskCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new OperatorException($"{url} does not answer within {Patience.TotalSeconds:0} s", e);
        }
    }

    // An address that stands for all of the machine is listened on but not called.
    private static ListenAddress Callable(ListenAddress listen)
    {
        if (!IPAddress.TryParse(listen.Host, out var address)) return listen;
        if (address.Equals(IPAddress.Any)) return listen with { Host = $"{IPAddress.Loopback}" };
        return address.Equals(IPAddress.IPv6Any) ? listen with { Host = $"{IPAddress.IPv6Loopback}" } : listen;
    }
}
