using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.Hosting.Tls;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace AuthIndex.Hosting.Web;

/// <summary>The shared host of both servers: listening, logging, start, readiness notification, stop.</summary>
public static class ServerHost
{
    // What background work may take once the requests are done.
    private static readonly TimeSpan LastWork = TimeSpan.FromSeconds(5);

    /// <summary>
    /// A builder with Kestrel on the configured address, logging to standard error, and nothing read from the environment except the
    /// configuration.
    /// </summary>
    /// <exception cref="OperatorException">The address would send passwords unencrypted, or the certificate cannot be used.</exception>
    public static WebApplicationBuilder CreateBuilder(ListenerOptions options, string name, Action<KestrelServerOptions> limits)
    {
        Try(options, name);
        var isTls = options.Tls.CertificateFile is not null;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = name });
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.UseSockets(sockets => sockets.CreateBoundListenSocket = Listen);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            limits(kestrel);
            Bind(kestrel, options.Listen, isTls ? kestrel.ApplicationServices.GetRequiredService<Handshake>() : null);
        });
        var services = builder.Services;
        services.Configure<HostOptions>(host => host.ShutdownTimeout = options.DrainTimeout + LastWork);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<IMemoryPoolFactory<byte>, BlockPool>();
        AddTelemetry(services, options, name);
        services.AddSingleton(s => new GracefulShutdown(options, s.GetRequiredService<IHostApplicationLifetime>(),
            s.GetRequiredService<ILogger<GracefulShutdown>>()));
        services.AddSingleton<IStartupFilter>(s => s.GetRequiredService<GracefulShutdown>());
        services.AddHostedService(s => s.GetRequiredService<GracefulShutdown>());
        services.AddSingleton<HealthEndpoint>();
        if (options.Tls is { CertificateFile: { } certificate, KeyFile: { } key } tls) AddCertificate(services, tls, certificate, key);
        AddLogging(builder.Logging, options);
        return builder;
    }

    /// <summary>Whether the server could listen as it is configured to, so that nothing is made for a start that fails.</summary>
    /// <exception cref="OperatorException">The options conflict, the address would send passwords unencrypted, or it cannot be listened
    /// on.</exception>
    public static void Try(ListenerOptions options, string name)
    {
        Check(options);
        if (options.Tls.CertificateFile is null && !options.Listen.IsLoopback && !options.InsecureHttp)
        {
            throw new OperatorException(
                $"{name}: refusing plain HTTP on {options.Listen}: passwords and tokens would be sent unencrypted. Configure tls, listen "
                    + "on 127.0.0.1 behind a proxy, or allow it with insecureHttp: true (--insecure-http)");
        }

        if (options.Listen.Port == 0) return;
        foreach (var address in options.Listen.IsLocalhost ? [IPAddress.Loopback, IPAddress.IPv6Loopback]
            : (IPAddress[])[Resolve(options.Listen)])
        {
            try
            {
                using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                if (address.Equals(IPAddress.IPv6Any)) socket.DualMode = true; // as Kestrel listens on it
                socket.Bind(new IPEndPoint(address, options.Listen.Port));
            }
            catch (SocketException e) when (
                e.SocketErrorCode == SocketError.AddressAlreadyInUse || !options.Listen.IsLocalhost) // localhost may lack one of its two
            {
                throw CannotListen(options, e);
            }
        }
    }

    /// <summary>
    /// Trusts <c>X-Forwarded-For</c> only from the configured proxies. A proxy's own certificate is removed from the request: it would sign
    /// in everybody behind the proxy.
    /// </summary>
    public static void UseTrustedProxies(this IApplicationBuilder app, ListenerOptions options)
    {
        if (options.TrustedProxies.Count > 0 && options.Tls.ClientCertificates.IsAsked)
        {
            app.Use(rest => context =>
            {
                if (options.TrustsProxy(ClientAddress.Of(context.Connection)))
                {
                    context.Features.Set<ITlsConnectionFeature>(new TlsConnectionFeature());
                }

                return rest(context);
            });
        }

        var services = app.ApplicationServices;
        var forwarded = new ForwardedAddress(
            options, services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<ForwardedAddress>>());
        app.Use(rest => context =>
        {
            forwarded.Apply(context);
            return rest(context);
        });
    }

    /// <summary>
    /// Starts, writes the address to <paramref name="readyFile"/>, notifies systemd if requested, and runs until SIGTERM or SIGINT;
    /// requests in flight finish first (<see cref="GracefulShutdown"/>). A second such signal ends the process at once, with the status of
    /// one that the signal killed.
    /// </summary>
    /// <exception cref="OperatorException">
    /// The address cannot be listened on; or a part of the server ended it, which a service manager must see as a failure.
    /// </exception>
    public static async Task RunAsync(WebApplication app, ListenerOptions options, string? readyFile, CancellationToken cancellationToken)
    {
        var signals = 0;
        void OnSignal(PosixSignalContext signal)
        {
            // What has been acknowledged is on the disk, so nothing is lost by going.
            if (Interlocked.Increment(ref signals) > 1)
            {
                Environment.Exit(signal.Signal == PosixSignal.SIGTERM ? 143 : signal.Signal == PosixSignal.SIGQUIT ? 131 : 130);
            }
        }

        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using var quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, OnSignal);
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (Exception e)
        {
            await app.StopAsync(CancellationToken.None); // or what has begun would be cut off, and say so with a stack trace each
            if (e is IOException or SocketException) throw CannotListen(options, e.InnerException ?? e);
            if (EndedByItself(app) is { } early) throw early; // a part that fails at once cuts the start short
            throw;
        }

        if (readyFile is not null)
        {
            var unfinished = readyFile + ".tmp";
            await File.WriteAllTextAsync(unfinished, app.Urls.First() + "\n", cancellationToken);
            File.Move(unfinished, readyFile, overwrite: true);
        }

        NotifySystemd(app.Lifetime);
        await app.WaitForShutdownAsync(cancellationToken);
        if (EndedByItself(app) is { } late) throw late;
    }

    // Not AddSystemd: it looks for systemd among the process's parents, which ProtectProc=invisible hides from it; and it would take
    // over the signals and the form of the log.
    private static void NotifySystemd(IHostApplicationLifetime lifetime)
    {
        var systemd = new SystemdNotifier();
        if (!systemd.IsEnabled) return;
        lifetime.ApplicationStopping.Register(() => systemd.Notify(ServiceState.Stopping));
        try
        {
            systemd.Notify(ServiceState.Ready);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            throw new OperatorException(
                $"cannot notify systemd at NOTIFY_SOCKET {Environment.GetEnvironmentVariable("NOTIFY_SOCKET")}: {e.Message}", e);
        }
    }

    /// <summary>Why a server ended that nobody stopped; null when none of its parts failed.</summary>
    private static OperatorException? EndedByItself(WebApplication app)
    {
        foreach (var part in app.Services.GetServices<IHostedService>().OfType<BackgroundService>())
        {
            if (part.ExecuteTask?.Exception?.InnerException is not { } failure) continue;
            return new OperatorException($"the server ended because {part.GetType().Name} failed: {failure.Message}");
        }

        return null;
    }

    private static OperatorException CannotListen(ListenerOptions options, Exception e) =>
        new(
            $"cannot listen on {options.Listen}: {e.Message}; {options.SectionName}.listen says where ('authindex up': --registry, "
                + "--token)",
            e);

    private static void Bind(KestrelServerOptions kestrel, ListenAddress listen, Handshake? handshake)
    {
        void Configure(ListenOptions endpoint)
        {
            if (handshake is null)
            {
                endpoint.Protocols = HttpProtocols.Http1;
                return;
            }

            endpoint.Use(PlainRequest.AnswerAsync);
            endpoint.Use(handshake.GuardAsync);
            // HTTP/2 by ALPN
            endpoint.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(handshake.Next()) });
        }

        // Port 0 cannot be bound on both localhost addresses at once.
        if (listen.IsLocalhost && listen.Port != 0) kestrel.ListenLocalhost(listen.Port, Configure);
        else kestrel.Listen(Resolve(listen), listen.Port, Configure);
    }

    /// <summary>A listening socket whose connections notice within a minute that the other side is gone without a word.</summary>
    private static Socket Listen(EndPoint endpoint)
    {
        var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true); // what accept gives inherits all four
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 30);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 10);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
        return socket;
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

    /// <summary>What the options cannot say of themselves; the files are looked at by <see cref="CertificateFiles"/>.</summary>
    private static void Check(ListenerOptions options)
    {
        DemandBase(options.PublicUrl, $"{options.SectionName}.publicUrl");
        var tls = options.Tls;
        var clients = tls.ClientCertificates;
        if (tls.CertificateFile is null != tls.KeyFile is null) throw new OperatorException("tls needs both certificateFile and keyFile");
        if (!clients.IsAsked && (clients.Mode != "optional" || clients.AccountFrom != ClientCertificateOptions.NoAccount))
        {
            throw new OperatorException(
                "tls.clientCertificates needs caFile, or trustDomains with accountFrom: spiffe: without them no client certificate can "
                    + "be verified");
        }

        if (clients.TrustDomains.Count > 0 && (clients.CaFile is not null || clients.AccountFrom != ClientCertificateOptions.Spiffe))
        {
            throw new OperatorException("tls.clientCertificates.trustDomains is for accountFrom: spiffe, and takes the place of caFile");
        }

        if (clients.TrustDomains.Select(d => d.Name).Distinct(StringComparer.Ordinal).Count() < clients.TrustDomains.Count)
        {
            throw new OperatorException(
                "tls.clientCertificates.trustDomains: a name is used more than once; put all authorities of a domain in one file");
        }

        if (clients.IsAsked && tls.CertificateFile is null)
        {
            throw new OperatorException("tls.clientCertificates needs certificateFile and keyFile: clients show certificates in TLS only");
        }
    }

    /// <summary>Refuses a URL that clients cannot append their paths to.</summary>
    /// <param name="url">The URL; null passes.</param>
    /// <param name="key">Its key in the configuration.</param>
    /// <exception cref="OperatorException">
    /// It ends in <c>/v2/</c>, which clients append themselves, or has a query, a fragment or a password, which everybody would be shown.
    /// </exception>
    public static void DemandBase(Uri? url, string key)
    {
        if (url is null) return;
        if (url.AbsolutePath.TrimEnd('/').EndsWith("/v2", StringComparison.Ordinal))
        {
            throw new OperatorException($"{key}: leave out the /v2/ at the end, which clients append themselves");
        }

        if (url.UserInfo.Length > 0) throw new OperatorException($"{key}: leave out USER:PASSWORD@, which everybody would be shown");
        if (url.Query.Length > 0 || url.Fragment.Length > 0)
        {
            throw new OperatorException($"{key}: a URL that clients append paths to has no query and no fragment");
        }
    }

    private static void AddCertificate(IServiceCollection services, TlsOptions tls, string certificate, string key)
    {
        CertificateFiles Read(ILogger<CertificateFiles> log) => new(certificate, key, tls.ClientCertificates, log);
        _ = Read(NullLogger<CertificateFiles>.Instance); // what is wrong with the files is told before anything else is made
        services.AddSingleton(s => Read(s.GetRequiredService<ILogger<CertificateFiles>>()));
        services.AddSingleton(s => new Handshake(s.GetRequiredService<CertificateFiles>(), tls.ClientCertificates,
            s.GetRequiredService<ILogger<Handshake>>()));
        services.AddHealthPart(s => s.GetRequiredService<CertificateFiles>().Health(s.GetRequiredService<TimeProvider>().GetUtcNow()));
    }

    /// <summary>First of all, so that it sees every request.</summary>
    private static void AddTelemetry(IServiceCollection services, ListenerOptions options, string name)
    {
        services.AddSingleton(s =>
        {
            var meter = new Meter($"AuthIndex.{name}");
            ProcessMetrics.Observe(meter);
            var files = s.GetService<CertificateFiles>(); // none in plain HTTP
            meter.CreateObservableGauge(
                "authindex.certificate.expiry.time",
                () =>
                    files is null
                        ? (Measurement<long>[])[]
                        : [new(new DateTimeOffset(files.Current.Certificate.NotAfter).ToUnixTimeSeconds())],
                "s", "When the server's certificate expires, in Unix seconds.");
            HealthRegistration.Observe(meter, [.. s.GetServices<HealthSource>()]);
            return new MetricsPage(meter);
        });

        // By way of the page, which so hears of all that is ever counted.
        services.AddSingleton(s => s.GetRequiredService<MetricsPage>().Meter);
        services.AddSingleton<BackgroundLoops>();
        services.AddHealthPart(s => s.GetRequiredService<BackgroundLoops>().Health());
        services.AddSingleton<MetricsEndpoint>();
        services.AddSingleton<RequestMetrics>();
        services.AddSingleton(s => new AccessLog(options, s.GetRequiredService<Meter>(), s.GetRequiredService<ILoggerFactory>(),
            s.GetRequiredService<BackgroundLoops>()));
        services.AddHostedService(s => s.GetRequiredService<AccessLog>());
        services.AddSingleton<IStartupFilter>(s => ActivatorUtilities.CreateInstance<RequestTelemetry>(s, options));
        if (options.Telemetry.OtlpEndpoint is { } collector) AddExport(services, collector, options.Telemetry, name);
    }

    // Apart, so that nothing of it is even loaded where nothing is sent.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AddExport(IServiceCollection services, Uri collector, TelemetryOptions options, string name) =>
        services.AddHostedService(_ => new OtlpExport(collector, options, name));

    private static void AddLogging(ILoggingBuilder logging, ListenerOptions options)
    {
        logging.SetMinimumLevel(Enum.Parse<LogLevel>(options.LogLevel, ignoreCase: true));
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Error);
        // It would log a failed start with its stack trace, which RunAsync tells in one line.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        logging.AddFilter(AccessLog.Category, LogLevel.Information); // it is on or off, at any level
        logging.AddConsole(console =>
        {
            console.LogToStandardErrorThreshold = LogLevel.Trace;
            console.FormatterName = options.LogFormat == "json" ? JsonLogLine.FormName : ConsoleLogLine.FormName;
        });
        logging.AddConsoleFormatter<ConsoleLogLine, ConsoleFormatterOptions>();
        logging.AddConsoleFormatter<JsonLogLine, ConsoleFormatterOptions>();
    }
}
