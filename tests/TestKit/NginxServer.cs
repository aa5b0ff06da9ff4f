using System.Net;

namespace AuthIndex.TestKit;

/// <summary>A real nginx of the tests' own, in front of what a test gives it.</summary>
public sealed class NginxServer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TemporaryDirectory folder = new();
    private readonly ChildProcess process;

    private NginxServer(string http)
    {
        File.WriteAllText(folder["nginx.conf"], $$"""
            daemon off;
            pid {{folder["pid"]}};
            error_log stderr;
            {{(Environment.UserName == "root" ? "user root;" : "")}}
            events {}
            http {
                access_log {{folder["access.log"]}};
                client_body_temp_path {{folder["body"]}};
                proxy_temp_path {{folder["proxy"]}};
                fastcgi_temp_path {{folder["fastcgi"]}};
                uwsgi_temp_path {{folder["uwsgi"]}};
                scgi_temp_path {{folder["scgi"]}};
            {{http}}
            }
            """);
        process = ChildProcess.Start(InstalledProgram.Find("nginx")!, ["-c", folder["nginx.conf"], "-p", folder.Root, "-e", "stderr"]);
    }

    /// <summary>What it was asked, a line each.</summary>
    public string AccessLog => File.ReadAllText(folder["access.log"]);

    /// <summary>Why none can be started here; null when one can.</summary>
    public static string? Obstacle() => InstalledProgram.Find("nginx") is null ? "nginx is not installed (Debian: nginx-light)" : null;

    /// <summary>Starts one, and waits until its port answers.</summary>
    /// <param name="http">What its http section holds.</param>
    /// <param name="address">Where it listens by that.</param>
    /// <exception cref="InvalidOperationException">It ended; the message holds its log.</exception>
    public static async Task<NginxServer> StartAsync(string http, IPEndPoint address)
    {
        var server = new NginxServer(http);
        try
        {
            await server.process.ListensAsync(address, Patience);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Terminate();
            await process.ExitAsync(Patience);
        }

        await process.DisposeAsync();
        folder.Dispose();
    }
}
