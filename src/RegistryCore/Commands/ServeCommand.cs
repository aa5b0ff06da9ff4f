using System.CommandLine;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.Commands;

/// <summary><c>serve</c>: runs the registry until it is told to stop.</summary>
internal static class ServeCommand
{
    public static Command Create(CommandLine shared)
    {
        var readyFile = new Option<FileInfo?>("--ready-file") { Description = "Write the listening address to this file when ready." };
        var onlyTry = new Option<bool>("--try") { Description = "Check only whether the server can listen; create nothing." };
        var command = new Command("serve", "Run the registry.") { readyFile, onlyTry };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            var options = shared.Bind<RegistryOptions>(
                arguments, "registry", new DerivedUrl("registry.tokenServer.realm", "tokenServer.publicUrl", ServerPaths.Token));
            if (arguments.GetValue(onlyTry))
            {
                ServerHost.Try(options, RegistryApp.Name);
                return 0;
            }

            await using var app = RegistryApp.Create(options, TimeProvider.System);
            await ServerHost.RunAsync(app, options, arguments.GetValue(readyFile)?.FullName, cancellationToken);
            return 0;
        });
        return command;
    }
}
