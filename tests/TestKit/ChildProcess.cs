using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace AuthIndex.TestKit;

/// <summary>What a program that ran to its end has said.</summary>
public sealed record ProcessResult(int ExitCode, string Output, string Error)
{
    /// <summary>Both outputs, for messages and for texts that may stand in either.</summary>
    public string All => $"{Output}{Error}";

    /// <inheritdoc/>
    public override string ToString() => $"exit status {ExitCode}\n{All}";
}

/// <summary>A program that a test runs, with everything it says.</summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly StringBuilder output = new();
    private readonly StringBuilder error = new();
    private readonly string name;

    private ChildProcess(Process process)
    {
        this.process = process;
        name = $"{process.StartInfo.FileName} {string.Join(' ', process.StartInfo.ArgumentList)}";
        process.OutputDataReceived += (_, line) => Keep(output, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(error, line.Data);
    }

    /// <summary>Its process id.</summary>
    public int Id => process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => process.HasExited;

    /// <summary>What it has written to standard output so far.</summary>
    public string Output => Text(output);

    /// <summary>What it has written to standard error so far.</summary>
    public string Error => Text(error);

    /// <summary>Starts a program with a standard input that stays empty.</summary>
    public static ChildProcess Start(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null,
        string? workingDirectory = null)
    {
        var child = Launch(program, arguments, environment, workingDirectory);
        child.process.StandardInput.Close();
        return child;
    }

    /// <summary>Runs a program to its end.</summary>
    /// <exception cref="TimeoutException">It took longer; it and what it started were killed.</exception>
    public static async Task<ProcessResult> RunAsync(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null,
        string? workingDirectory = null, string input = "", TimeSpan? timeout = null)
    {
        await using var child = Launch(program, arguments, environment, workingDirectory);
        try
        {
            await child.process.StandardInput.WriteAsync(input);
            child.process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading; its exit status tells why.
        }

        return await child.ExitAsync(timeout ?? TimeSpan.FromMinutes(2));
    }

    /// <summary>Waits until something answers at an address where the program is to listen.</summary>
    /// <exception cref="InvalidOperationException">The program ended; the message holds what it said.</exception>
    /// <exception cref="TimeoutException">Nothing answers there within the time.</exception>
    public Task ListensAsync(IPEndPoint address, TimeSpan within) => Eventually.TrueAsync(
        async () =>
        {
            if (HasExited) throw new InvalidOperationException($"{name} ended:\n{Error}");
            try
            {
                using var tcp = new TcpClient();
                await tcp.ConnectAsync(address);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        },
        within, () => Error);

    /// <summary>Waits for its end.</summary>
    /// <exception cref="TimeoutException">It took longer; it and what it started were killed.</exception>
    public async Task<ProcessResult> ExitAsync(TimeSpan timeout)
    {
        using var deadline = new CancellationTokenSource(timeout);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException e)
        {
            var running = string.Join('\n', ProcessTable.Below(process.Id));
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{name} did not end within {timeout}, this was running:\n{running}\n{Output}{Error}", e);
        }

        return new ProcessResult(process.ExitCode, Output, Error);
    }

    /// <summary>Sends it SIGTERM.</summary>
    public void Terminate() => Send(15);

    /// <summary>Sends it SIGINT, as Ctrl-C does.</summary>
    public void Interrupt() => Send(2);

    /// <summary>
    /// Holds it still, as a machine that hangs does: its connections stay open and nothing answers. Waits until all of its threads
    /// stand.
    /// </summary>
    public async Task FreezeAsync()
    {
        Send(19);
        await Eventually.TrueAsync(
            () => Directory.GetDirectories($"/proc/{Id}/task")
            .All(thread => File.ReadLines(Path.Combine(thread, "status")).Any(l => l.StartsWith("State:\tT", StringComparison.Ordinal))),
            TimeSpan.FromSeconds(20),
            () => $"{name} goes on");
    }

    /// <summary>Lets it go on.</summary>
    public void Thaw() => Send(18);

    /// <summary>Ends it, and what it started, if it still runs.</summary>
    public ValueTask DisposeAsync()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.Dispose();
        return ValueTask.CompletedTask;
    }

    private static ChildProcess Launch(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment, string? workingDirectory)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingDirectory ?? Path.GetTempPath(),
        };
        foreach (var (key, value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal)) start.Environment[key] = value;
        var child = new ChildProcess(new Process { StartInfo = start });
        child.process.Start();
        child.process.BeginOutputReadLine();
        child.process.BeginErrorReadLine();
        return child;
    }

    private static void Keep(StringBuilder text, string? line)
    {
        if (line is null) return;
        lock (text) text.Append(line).Append('\n');
    }

    private static string Text(StringBuilder text)
    {
        lock (text) return text.ToString();
    }

    private void Send(int signal)
    {
        if (Kill(process.Id, signal) != 0)
        {
            throw new InvalidOperationException($"signal {signal} to {name}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int process, int signal);
}
