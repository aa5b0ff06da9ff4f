using AuthIndex.Hosting;
using AuthIndex.Hosting.Audit;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Health;
using AuthIndex.TokenServer;
using AuthIndex.TokenServer.Commands;
using AuthIndex.TokenServer.Commands.Policies;

var line = new CommandLine();
var root = line.Root("AuthIndex token server: authentication and authorization for registries.");
root.Add(ServeCommand.Create(line));
root.Add(InitCommand.Create(line));
root.Add(UsersCommand.Create(line));
root.Add(AccountsCommand.Create(line, TimeProvider.System));
root.Add(KeysCommand.Create(line, TimeProvider.System));
root.Add(LdapCommand.Create(line));
root.Add(TokensCommand.Create(line));
root.Add(StateCommand.Create(line));
foreach (var command in BackupCommand.All(line)) root.Add(command);
root.Add(HealthCheckCommand.Create(Options));
TokenServerOptions Options(System.CommandLine.ParseResult parsed) => line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section);
var policy = PolicyCommand.Create(
    parsed => Options(parsed).PoliciesDirectory, parsed => Options(parsed).AuditPath, TimeProvider.System, Options);
policy.Add(PolicyReloadCommand.Create(Options, TimeProvider.System));
root.Add(policy);
root.Add(AuditCommand.Create(parsed => Options(parsed).AuditPath, TimeProvider.System));
return await CommandLine.RunAsync(root, args, new ActRecorder(
    ["users", "accounts", "tokens", "keys", "state", "restore", "policy reload"],
    parsed => (Options(parsed).AuditPath, Options(parsed).Audit),
    TimeProvider.System,
    parsed => RestoreMarker.IsIn(Path.Combine(Options(parsed).DataDirectory, "registry"))));
