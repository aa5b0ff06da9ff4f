using AuthIndex.Hosting;
using AuthIndex.TokenServer.Commands;

var line = new CommandLine();
var root = line.Root("AuthIndex token server: who may do what in a registry.");
root.Add(ServeCommand.Create(line));
root.Add(InitCommand.Create(line));
root.Add(UsersCommand.Create(line));
root.Add(KeysCommand.Create(line));
root.Add(LdapCommand.Create(line));
return await CommandLine.RunAsync(root, args);
