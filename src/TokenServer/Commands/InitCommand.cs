using System.CommandLine;
using AuthIndex.Hosting;

namespace AuthIndex.TokenServer.Commands;

/// <summary><c>init</c>: creates what is missing in the data directory.</summary>
internal static class InitCommand
{
    public static Command Create(CommandLine line)
    {
        var tls = new Option<bool>("--tls") { Description = "Also create a development CA and a server certificate." };
        var hosts = new Option<string[]>("--tls-host")
        {
            Description = "Add this name or address to the server certificate, in addition to this machine's own; repeatable.",
            DefaultValueFactory = _ => [],
        };
        var command = new Command(
            "init",
            "Create whatever is missing in the data directory: keys, credential, accounts, and with --tls certificates.") { tls, hosts };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var names = parsed.GetValue(hosts) ?? [];
            if (names.Length > 0 && !parsed.GetValue(tls)) throw new OperatorException("--tls-host needs --tls");
            var options = line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section);
            await new Initialization(options, TimeProvider.System).RunAsync(
                parsed.GetValue(tls) ? names : null, Console.Out, cancellationToken);
            return 0;
        });
        return command;
    }
}
