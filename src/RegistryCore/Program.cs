using AuthIndex.Hosting;
using AuthIndex.Hosting.Web;
using AuthIndex.RegistryCore;
using AuthIndex.RegistryCore.Commands;

var shared = new CommandLine();
var root = shared.Root("The AuthIndex registry: keeps images, and obeys the token server's tokens.");
root.Add(ServeCommand.Create(shared));
root.Add(HealthCheckCommand.Create(arguments => shared.Bind<RegistryOptions>(arguments, "registry")));
root.Add(SyncCommand.Create(shared));
foreach (var command in StorageCommands.All(shared)) root.Add(command);
return await CommandLine.RunAsync(root, args);
