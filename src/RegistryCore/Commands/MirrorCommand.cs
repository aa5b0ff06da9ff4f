using System.CommandLine;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Web;
using AuthIndex.RegistryCore.Upstreams;

namespace AuthIndex.RegistryCore.Commands;

/// <summary><c>mirror print</c>: prints how clients pull the images of upstreams from this registry.</summary>
internal static class MirrorCommand
{
    // Where `up --tls` keeps them in the data directory.
    private const string DevelopmentCa = "certs/ca.pem", DevelopmentCertificate = "certs/server.pem";

    public static Command Create(CommandLine shared)
    {
        var client = new Argument<string>("CLIENT") { Description = $"{string.Join(", ", MirrorConfiguration.Clients)}." };
        client.AcceptOnlyFromAmong(MirrorConfiguration.Clients);
        var ca = new Option<string?>("--ca") { Description = "The CA file of the registry's certificate, where the clients have it "
            + "(default: the development CA of up --tls, if there is one)." };
        var print = new Command("print", "Print a client's configuration for pulling the images of the upstreams from this registry.")
        {
            client, ca,
        };
        print.SetAction(arguments =>
        {
            var options = shared.Bind<RegistryOptions>(arguments, RegistryOptions.Section);
            var (name, mirror) = (arguments.GetRequiredValue(client), Of(options, arguments.GetValue(ca)));
            arguments.InvocationConfiguration.Output.WriteLine(mirror.For(name).TrimEnd());
            arguments.InvocationConfiguration.Error.WriteLine($"# {mirror.AdviceFor(name)}");
            return 0;
        });
        return new Command("mirror", "Set up clients of the upstreams.") { print };
    }

    /// <summary>What the configuration says of clients.</summary>
    /// <param name="options">The configuration.</param>
    /// <param name="ca">The CA file; null for the development CA, if it is in use.</param>
    /// <exception cref="OperatorException">Clients could not find this registry by it.</exception>
    internal static MirrorConfiguration Of(RegistryOptions options, string? ca)
    {
        UpstreamOptions.Validate(options.Upstreams);
        ServerHost.DemandBase(options.PublicUrl, "registry.publicUrl");
        if (options.PublicUrl?.AbsolutePath.Length > 1)
        {
            throw new OperatorException(
                "registry.publicUrl has a path: clients find a mirror only at the root of a host; give the registry a host of its own");
        }

        if (options.PublicUrl is null && options.Listen.Host is "0.0.0.0" or "::")
        {
            throw new OperatorException("set registry.publicUrl: under which address clients reach this registry is not known");
        }

        var scheme = options.Tls.CertificateFile is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps;
        var registry = options.PublicUrl ?? new Uri($"{scheme}://{options.Listen}");
        return new MirrorConfiguration(
            registry,
            registry.Scheme == Uri.UriSchemeHttps ? ca ?? DevelopmentCaOf(options, registry.Host) : null,
            [.. options.Upstreams.Select(u => new Upstream(u))]);
    }

    /// <summary>The development CA, if there is one and it certifies this host: a public host has another certificate.</summary>
    private static string? DevelopmentCaOf(RegistryOptions options, string host)
    {
        var (ca, certificate) = (InData(options, DevelopmentCa), InData(options, DevelopmentCertificate));
        if (!File.Exists(ca) || !File.Exists(certificate)) return null;
        using var server = X509Certificate2.CreateFromPem(File.ReadAllText(certificate));
        return server.MatchesHostname(host.Trim('[', ']')) ? ca : null;
    }

    private static string InData(RegistryOptions options, string path) => Path.GetFullPath(Path.Combine(options.DataDirectory, path));
}
