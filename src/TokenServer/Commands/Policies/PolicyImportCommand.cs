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
        var htpasswd = new Option<string?>("--htpasswd") { Description = "Write the users to this new file.", HelpName = "FILE" };
        var ldap = new Option<string?>(
            "--ldap") { Description = "Write the directory settings (ldap_auth) to this new file, as tokenServer.ldap configuration.",
                HelpName = "FILE" };
        var dockerAuth = new Command(
            "docker-auth",
            "Convert the acl to a policy, with tests that verify it against the acl, the users to an htpasswd file, and the directory to "
            + "a configuration.") { file, htpasswd, ldap };
        dockerAuth.SetAction(parsed =>
        {
            var problems = new List<SourceProblem>();
            var source = YamlSource.ReadFile(parsed.GetRequiredValue(file), problems);
            var imported = source is null ? null : DockerAuthImport.Convert(source, time.GetUtcNow(), problems);
            var error = parsed.InvocationConfiguration.Error;
            new ProblemWriter(error).Write(problems);
            if (imported is not { } result) return 1;

            if (parsed.GetValue(htpasswd) is { } path) WriteNew(path, result.Htpasswd);
            else if (result.Htpasswd.Count > 0)
            {
                error.WriteLine($"note: {result.Htpasswd.Count} users were left out; name a file for them with --htpasswd");
            }

            if (result.Ldap is { } section && parsed.GetValue(ldap) is { } to) WriteNew(to, [section.TrimEnd()]);
            else if (result.Ldap is not null) error.WriteLine("note: the directory was left out; name a file for it with --ldap");
            parsed.InvocationConfiguration.Output.Write(result.Policy);
            return 0;
        });
        return new Command("import", "Convert another program's configuration to a policy.") { dockerAuth };
    }

    private static void WriteNew(string path, IReadOnlyList<string> lines)
    {
        try
        {
            using var stream = new FileStream(
                path,
                new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write,
                    UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
            using var writer = new StreamWriter(stream);
            foreach (var line in lines) writer.Write(line + "\n");
        }
        catch (IOException e)
        {
            throw new OperatorException($"{path}: {e.Message}", e);
        }
    }
}
