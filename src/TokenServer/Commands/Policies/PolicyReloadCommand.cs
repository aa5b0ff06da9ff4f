using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Files;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary><c>policy reload</c>: checks the files, then has the running server read them now instead of within a second.</summary>
internal static partial class PolicyReloadCommand
{
    private const int HangUp = 1; // SIGHUP

    public static Command Create(Func<ParseResult, TokenServerOptions> bind, TimeProvider time)
    {
        var command = new Command(
            "reload",
            "Check the policy files, then make the running token server read them immediately. If they are invalid, the server keeps its "
            + "policy.");
        command.SetAction(parsed =>
        {
            var options = bind(parsed);
            var compiled = PolicyCompiler.Compile(new PolicyDirectory(options.PoliciesDirectory), time.GetUtcNow());
            if (compiled.Policy is not { } policy) throw new PolicyException(compiled.Problems);

            var id = RunningServer(options);
            if (Kill(id, HangUp) != 0)
            {
                throw new OperatorException(
                    $"cannot signal the token server (process {id}): {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
            }

            parsed.InvocationConfiguration.Output.WriteLine(
                $"process {id} now reads {options.PoliciesDirectory}: policy {policy.Revision}, {policy.Rules.Count} rules");
        });
        return command;
    }

    /// <summary>
    /// The process that serves from this data directory; its command line is checked, so that a process that reused its id is not
    /// signalled.
    /// </summary>
    private static int RunningServer(TokenServerOptions options)
    {
        var file = options.ProcessIdPath;
        if (File.Exists(file)
            && int.TryParse(File.ReadAllText(file), CultureInfo.InvariantCulture, out var id)
            && File.Exists($"/proc/{id}/cmdline")
            && File.ReadAllText($"/proc/{id}/cmdline").Contains("TokenServer", StringComparison.Ordinal))
        {
            return id;
        }

        throw new OperatorException($"no token server with data directory {options.DataDirectory} is running on this machine");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
