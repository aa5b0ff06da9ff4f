using System.CommandLine;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Upstreams;

namespace AuthIndex.RegistryCore.Commands;

/// <summary><c>mirror print</c>: prints how clients pull the images of upstreams from this registry.</summary>
internal static class MirrorCommand
{
    private const string DevelopmentCa = "certs/ca.pem"; // where `up --tls` keeps it in the data directory

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
            var options = shared.Bind<RegistryOptions>(arguments, "registry");
            var (name, mirror) = (arguments.GetRequiredValue(client), Of(options, arguments.GetValue(ca)));
            arguments.InvocationConfiguration.Output.WriteLine(mirror.For(name).TrimEnd());
            arguments.InvocationConfiguration.Error.WriteLine($"# {mirror.AdviceFor(name)}");
            return 0;
        });
        return new Command("mirror", "Set up clients of the upstreams.") { print };
    }

    private static MirrorConfiguration Of(RegistryOptions options, string? ca)
    {
        UpstreamOptions.Validate(options.Upstreams);
        if (options.PublicUrl is null && options.Listen.Host is "0.0.0.0" or "::")
        {
            throw new OperatorException("set registry.publicUrl: under which address clients reach this registry is not known");
        }

        var scheme = options.Tls.CertificateFile is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps;
        var registry = options.PublicUrl ?? new Uri($"{scheme}://{options.Listen}");
        var development = Path.GetFullPath(Path.Combine(options.DataDirectory, DevelopmentCa));
        return new MirrorConfiguration(
            registry,
            registry.Scheme == Uri.UriSchemeHttps ? ca ?? (File.Exists(development) ? development : null) : null,
            [.. options.Upstreams.Select(u => new Upstream(u))]);
    }
}
