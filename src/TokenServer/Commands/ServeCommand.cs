using System.CommandLine;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Web;

namespace AuthIndex.TokenServer.Commands;

/// <summary><c>serve</c>: runs the server until it is told to stop.</summary>
internal static class ServeCommand
{
    public static Command Create(CommandLine line)
    {
        var readyFile = new Option<FileInfo?>("--ready-file") { Description = "A file that is written, with the server's URL in it, once it answers." };
        var command = new Command("serve", "Runs the token server.") { readyFile };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var options = line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section);
            await using var app = TokenServerApp.Create(options, TimeProvider.System);
            await ServerHost.RunAsync(app, options, parsed.GetValue(readyFile)?.FullName, cancellationToken);
            return 0;
        });
        return command;
    }
}
