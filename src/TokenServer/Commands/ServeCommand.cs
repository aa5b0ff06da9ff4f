using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Policies;

namespace AuthIndex.TokenServer.Commands;

/// <summary><c>serve</c>: runs the server until it is stopped.</summary>
internal static class ServeCommand
{
    public static Command Create(CommandLine line)
    {
        var readyFile = new Option<FileInfo?>("--ready-file") { Description = "Write the server's URL to this file when it is ready." };
        var onlyTry = new Option<bool>("--try") { Description = "Only check whether the server could listen; create nothing." };
        var command = new Command("serve", "Run the token server.") { readyFile, onlyTry };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var options = line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section);
            if (parsed.GetValue(onlyTry))
            {
                ServerHost.Try(options, TokenServerApp.Name);
                return 0;
            }

            await using var app = TokenServerApp.Create(options, TimeProvider.System);

            // SIGHUP is what `policy reload` sends; edits are noticed without it, it only makes sure.
            var policies = app.Services.GetRequiredService<PolicyStore>();
            using var reload = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
            {
                signal.Cancel = true;
                policies.Reload();
            });
            DurableFile.Replace(options.ProcessIdPath, Encoding.ASCII.GetBytes($"{Environment.ProcessId}\n"));
            await ServerHost.RunAsync(app, options, parsed.GetValue(readyFile)?.FullName, cancellationToken);
            return 0;
        });
        return command;
    }
}
