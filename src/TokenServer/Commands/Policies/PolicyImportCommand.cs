using System.CommandLine;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Policies.Import;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary><c>policy import docker-auth FILE</c>: the policy on standard output, the users into a file of their own.</summary>
internal static class PolicyImportCommand
{
    public static Command Create(TimeProvider time)
    {
        var file = new Argument<string>("FILE") { Description = "The configuration of cesanta/docker_auth." };
        var htpasswd = new Option<string?>("--htpasswd") { Description = "A new file for the users; it must not exist yet.", HelpName = "FILE" };
        var ldap = new Option<string?>("--ldap") { Description = "A new file for the directory (ldap_auth), as a configuration with tokenServer.ldap; it must not exist yet.", HelpName = "FILE" };
        var dockerAuth = new Command("docker-auth", "Make a policy of the acl, with tests that hold it to what the acl says, an htpasswd file of the users, and a configuration of the directory.") { file, htpasswd, ldap };
        dockerAuth.SetAction(parsed =>
        {
            var problems = new List<SourceProblem>();
            var source = YamlSource.ReadFile(parsed.GetValue(file)!, problems);
            var imported = source is null ? null : DockerAuthImport.Convert(source, time.GetUtcNow(), problems);
            var error = parsed.InvocationConfiguration.Error;
            new ProblemWriter(error).Write(problems);
            if (imported is not { } result) return 1;

            if (parsed.GetValue(htpasswd) is { } path) WriteNew(path, result.Htpasswd);
            else if (result.Htpasswd.Count > 0) error.WriteLine($"note: {result.Htpasswd.Count} users were left out; name a file for them with --htpasswd");
            if (result.Ldap is { } section && parsed.GetValue(ldap) is { } to) WriteNew(to, [section.TrimEnd()]);
            else if (result.Ldap is not null) error.WriteLine("note: the directory was left out; name a file for it with --ldap");
            parsed.InvocationConfiguration.Output.Write(result.Policy);
            return 0;
        });
        return new Command("import", "Make a policy of another program's configuration.") { dockerAuth };
    }

    private static void WriteNew(string path, IReadOnlyList<string> lines)
    {
        try
        {
            using var stream = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
            using var writer = new StreamWriter(stream);
            foreach (var line in lines) writer.Write(line + "\n");
        }
        catch (IOException e)
        {
            throw new OperatorException($"{path}: {e.Message}", e);
        }
    }
}
