using AuthIndex.Hosting;
using AuthIndex.Hosting.Audit;
using AuthIndex.Hosting.Health;
using AuthIndex.RegistryCore;
using AuthIndex.RegistryCore.Commands;

var shared = new CommandLine();
var root = shared.Root("The AuthIndex registry: keeps images, and obeys the token server's tokens.");
root.Add(ServeCommand.Create(shared));
root.Add(HealthCheckCommand.Create(Options));
root.Add(SyncCommand.Create(shared));
root.Add(MirrorCommand.Create(shared));
foreach (var command in StorageCommands.All(shared)) root.Add(command);
RegistryOptions Options(System.CommandLine.ParseResult parsed) => shared.Bind<RegistryOptions>(parsed, "registry");
root.Add(AuditCommand.Create(parsed => Options(parsed).AuditPath, TimeProvider.System));
return await CommandLine.RunAsync(
    root,
    args,
    new ActRecorder(
        ["gc", "tags", "restore", "import", "sync", "storage"],
        parsed => (Options(parsed).AuditPath, new AuditRotation { MaxAge = TimeSpan.Zero }),
        TimeProvider.System));
