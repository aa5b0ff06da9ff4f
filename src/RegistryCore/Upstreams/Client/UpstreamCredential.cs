using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>The credential for an upstream: of a file, or of a program that keeps it (docker's credential helpers).</summary>
internal sealed class UpstreamCredential(UpstreamOptions options, Uri url)
{
    private const int MaxLength = 64 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>The <c>Authorization</c> of Basic; null where none is configured.</summary>
    /// <exception cref="UpstreamException">It cannot be had; the message does not contain it.</exception>
    public async Task<AuthenticationHeaderValue?> GetAsync(CancellationToken cancellationToken)
    {
        if (options.CredentialFile is { } file) return Basic(await ReadAsync(file, cancellationToken));
        return options.CredentialHelper.Count > 0 ? Basic(await AskAsync(cancellationToken)) : null;
    }

    private static AuthenticationHeaderValue Basic(string credential) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credential)));

    private static async Task<string> ReadAsync(string file, CancellationToken cancellationToken)
    {
        try
        {
            var text = (await File.ReadAllTextAsync(file, cancellationToken)).Trim();
            return text.IndexOf(':', StringComparison.Ordinal) > 0 && !text.Contains('\n', StringComparison.Ordinal)
                ? text
                : throw new UpstreamException(FailureKind.Refused, $"{file} must contain one line USER:PASSWORD");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UpstreamException(FailureKind.Refused, $"cannot read {file}: {e.Message}");
        }
    }

    private async Task<string> AskAsync(CancellationToken cancellationToken)
    {
        var program = options.CredentialHelper[0];
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            using var helper = Process.Start(new ProcessStartInfo(program, options.CredentialHelper.Skip(1).Append("get"))
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }) ?? throw new UpstreamException(FailureKind.Refused, $"cannot start {program}");
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
                    throw new UpstreamException(FailureKind.Refused, $"{program} ended with status {helper.ExitCode}");
                }

                return JsonSerializer.Deserialize<HelperAnswer>(answer) is { Username.Length: > 0, Secret: { } secret } found
                    ? $"{found.Username}:{secret}"
                    : throw new UpstreamException(FailureKind.Refused, $"{program} did not print a Username and a Secret");
            }
            finally
            {
                if (!helper.HasExited) helper.Kill(entireProcessTree: true);
            }
        }
        catch (Exception e) when (e is JsonException or IOException or System.ComponentModel.Win32Exception
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // Not the exception's own text: what the program printed may stand in it.
            throw new UpstreamException(FailureKind.Refused, $"{program} gave no credential ({e.GetType().Name})");
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
