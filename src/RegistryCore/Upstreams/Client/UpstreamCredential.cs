using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>The credential for an upstream: of a file, or of a program that keeps it (docker's credential helpers).</summary>
internal sealed class UpstreamCredential(UpstreamOptions options, Uri url, TimeProvider clock)
{
    private const int MaxLength = 64 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Keep = TimeSpan.FromMinutes(1); // what the program printed

    private readonly Lock gate = new();
    private Task<string>? printed; // under the gate, as the next
    private long printedAt;

    /// <summary>The <c>Authorization</c> of Basic; null where none is configured.</summary>
    /// <exception cref="UpstreamException">It cannot be had; the message does not contain it.</exception>
    public async Task<AuthenticationHeaderValue?> GetAsync(CancellationToken cancellationToken)
    {
        if (options.CredentialFile is { } file) return Basic(ReadFile(file));
        return options.CredentialHelper.Count > 0 ? Basic(await PrintedAsync().WaitAsync(cancellationToken)) : null;
    }

    /// <summary>Reads a file with one line <c>USER:PASSWORD</c>.</summary>
    /// <param name="file">The file.</param>
    /// <param name="what">What it is, for messages.</param>
    /// <exception cref="OperatorException">It cannot be used; the message does not contain it.</exception>
    public static string Read(string file, string what)
    {
        const string remedy = "write one line USER:PASSWORD into it";
        var text = SecretFile.ReadText(file, what, remedy);
        return text.IndexOf(':', StringComparison.Ordinal) > 0 && !text.Contains('\n', StringComparison.Ordinal)
            ? text
            : throw new OperatorException($"{what} {file} is not one line USER:PASSWORD: {remedy}");
    }

    /// <summary>Lets the program run again at the next need: what it printed was refused.</summary>
    public void Forget()
    {
        lock (gate) printed = null;
    }

    /// <summary>What the program prints: run once for all who need it within a minute.</summary>
    private Task<string> PrintedAsync()
    {
        lock (gate)
        {
            if (printed is null || (printed.IsCompleted && (!printed.IsCompletedSuccessfully || clock.GetElapsedTime(printedAt) >= Keep)))
            {
                (printed, printedAt) = (Task.Run(AskAsync), clock.GetTimestamp());
            }

            return printed;
        }
    }

    private static AuthenticationHeaderValue Basic(string credential) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credential)));

    private static string ReadFile(string file)
    {
        try
        {
            return Read(file, "the credential for the upstream");
        }
        catch (OperatorException e)
        {
            throw Unusable(e.Message);
        }
    }

    private static UpstreamException Unusable(string detail) =>
        new(FailureKind.Refused, "the registry has no usable credential for it; the log says why", detail);

    private async Task<string> AskAsync()
    {
        var program = options.CredentialHelper[0];
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            using var helper = Process.Start(new ProcessStartInfo(program, options.CredentialHelper.Skip(1).Append("get"))
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }) ?? throw Unusable($"cannot start {program}");
            try
            {
                await helper.StandardInput.WriteLineAsync(url.GetLeftPart(UriPartial.Authority).AsMemory(), limit.Token);
                helper.StandardInput.Close();
                var errors = helper.StandardError.BaseStream.CopyToAsync(Stream.Null, limit.Token);
                var answer = await ReadAsync(helper.StandardOutput, limit.Token);
                await errors;
                await helper.WaitForExitAsync(limit.Token);
                if (helper.ExitCode != 0)
                {
                    throw Unusable($"{program} ended with status {helper.ExitCode}");
                }

                return JsonSerializer.Deserialize<HelperAnswer>(answer) is { Username.Length: > 0, Secret: { } secret } found
                    ? $"{found.Username}:{secret}"
                    : throw Unusable($"{program} did not print a Username and a Secret");
            }
            finally
            {
                if (!helper.HasExited) helper.Kill(entireProcessTree: true);
            }
        }
        catch (Exception e) when (e is JsonException or IOException or System.ComponentModel.Win32Exception or OperationCanceledException)
        {
            // Not the exception's own text: what the program printed may stand in it.
            throw Unusable($"{program} gave no credential ({e.GetType().Name})");
        }
    }

    private static async Task<string> ReadAsync(StreamReader output, CancellationToken cancellationToken)
    {
        var buffer = new char[MaxLength];
        var length = await output.ReadBlockAsync(buffer, cancellationToken);
        return new string(buffer, 0, length);
    }

    private sealed record HelperAnswer(string? Username, string? Secret);
}
