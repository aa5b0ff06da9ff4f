using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthIndex.Hosting.Web;

/// <summary>What both servers do alike around their endpoints: listen, log, start, say that they are ready, stop.</summary>
public static class ServerHost
{
    /// <summary>A builder with Kestrel on the configured address, logging to standard error, and nothing taken from the environment behind the configuration's back.</summary>
    /// <exception cref="OperatorException">The address would carry passwords in the clear, or the certificate cannot be used.</exception>
    public static WebApplicationBuilder CreateBuilder(ListenerOptions options, string name, Action<KestrelServerOptions> limits)
    {
        var certificate = LoadCertificate(options.Tls);
        if (certificate is null && !options.Listen.IsLoopback && !options.InsecureHttp)
        {
            throw new OperatorException($"{name} would speak plain HTTP on {options.Listen}, where passwords and tokens travel readable: configure tls, listen on 127.0.0.1 behind a proxy, or allow it with insecureHttp: true (--insecure-http)");
        }

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = name });
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            limits(kestrel);
            Bind(kestrel, options.Listen, certificate);
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.DrainTimeout);
        AddLogging(builder.Logging, options);
        return builder;
    }

    /// <summary>Believes <c>X-Forwarded-For</c> from the configured proxies, and only from them.</summary>
    public static void UseTrustedProxies(this IApplicationBuilder app, ListenerOptions options)
    {
        if (options.TrustedProxies.Count == 0) return;
        var forwarded = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor, ForwardLimit = null };
        forwarded.KnownProxies.Clear();
        forwarded.KnownIPNetworks.Clear();
        foreach (var network in options.TrustedProxies) forwarded.KnownIPNetworks.Add(network);
        app.UseForwardedHeaders(forwarded);
    }

    /// <summary>Starts, writes the address to <paramref name="readyFile"/>, and runs until SIGTERM or SIGINT; requests in flight finish first.</summary>
    /// <exception cref="OperatorException">The address cannot be listened on.</exception>
    public static async Task RunAsync(WebApplication app, ListenerOptions options, string? readyFile, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new OperatorException($"cannot listen on {options.Listen}: {(e.InnerException ?? e).Message}", e);
        }

        if (readyFile is not null)
        {
            var unfinished = readyFile + ".tmp";
            await File.WriteAllTextAsync(unfinished, app.Urls.First() + "\n", cancellationToken);
            File.Move(unfinished, readyFile, overwrite: true);
        }

        await app.WaitForShutdownAsync(cancellationToken);
    }

    private static void Bind(KestrelServerOptions kestrel, ListenAddress listen, SslStreamCertificateContext? certificate)
    {
        void Configure(ListenOptions endpoint)
        {
            if (certificate is null)
            {
                endpoint.Protocols = HttpProtocols.Http1;
                return;
            }

            endpoint.UseHttps(new TlsHandshakeCallbackOptions
            {
                OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
                {
                    ServerCertificateContext = certificate,
                    EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                }),
            });
        }

        // Port 0 cannot be bound on both localhost addresses at once.
        if (listen.IsLocalhost && listen.Port != 0) kestrel.ListenLocalhost(listen.Port, Configure);
        else kestrel.Listen(Resolve(listen), listen.Port, Configure);
    }

    private static IPAddress Resolve(ListenAddress listen)
    {
        if (IPAddress.TryParse(listen.Host, out var address)) return address;
        if (listen.IsLocalhost) return IPAddress.Loopback;
        try
        {
            return Dns.GetHostAddresses(listen.Host) is [var first, ..] ? first : throw new SocketException((int)SocketError.HostNotFound);
        }
        catch (SocketException e)
        {
            throw new OperatorException($"cannot listen on {listen}: the name has no address ({e.Message})", e);
        }
    }

    private static SslStreamCertificateContext? LoadCertificate(TlsOptions tls)
    {
        if (tls.CertificateFile is null && tls.KeyFile is null) return null;
        if (tls.CertificateFile is null || tls.KeyFile is null) throw new OperatorException("tls needs both certificateFile and keyFile");
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(tls.CertificateFile);
            var certificate = X509Certificate2.CreateFromPemFile(tls.CertificateFile, tls.KeyFile);
            return SslStreamCertificateContext.Create(certificate, chain, offline: true);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"the certificate {tls.CertificateFile} with key {tls.KeyFile} cannot be used: {e.Message}", e);
        }
    }

    private static void AddLogging(ILoggingBuilder logging, ListenerOptions options)
    {
        logging.SetMinimumLevel(Enum.Parse<LogLevel>(options.LogLevel, ignoreCase: true));
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Error);
        // It would log a failed start with its stack trace, which RunAsync tells in one line.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        if (options.LogFormat == "json")
        {
            logging.AddJsonConsole(json =>
            {
                json.UseUtcTimestamp = true;
                json.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
            });
        }
        else
        {
            logging.AddSimpleConsole(line =>
            {
                line.SingleLine = true;
                line.UseUtcTimestamp = true;
                line.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            });
        }
    }
}
