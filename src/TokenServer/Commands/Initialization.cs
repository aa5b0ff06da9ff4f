using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Commands;

/// <summary>
/// Creates what the servers need and what is missing. Files are created atomically, in an order such that the next run completes what a
/// crash left.
/// </summary>
internal sealed class Initialization(TokenServerOptions options, TimeProvider time)
{
    /// <summary>The account that init makes.</summary>
    public const string AdminAccount = "admin";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Creates everything that is missing.</summary>
    /// <param name="tlsHosts">The names and addresses for the server certificate; null for no certificates.</param>
    /// <param name="output">Receives a line for each file created, with the administrator's password when that account is created.</param>
    /// <param name="cancellationToken">Ends it between two files.</param>
    /// <exception cref="OperatorException">Something cannot be created, or an existing file cannot be used.</exception>
    public async Task RunAsync(IEnumerable<string>? tlsHosts, TextWriter output, CancellationToken cancellationToken)
    {
        MakeDirectory(options.DataDirectory);
        using var held = await FileLock.TakeAsync(options.InitLockPath, Patience, cancellationToken);
        RestoreMarker.DemandNone(options.DataDirectory);
        RestoreMarker.DemandNone(Path.Combine(options.DataDirectory, "registry")); // the server's own part may be still to come
        try
        {
            Step(EnsureSigningKey, output, cancellationToken);
            Step(EnsureCredential, output, cancellationToken);
            Step(EnsureAdmin, output, cancellationToken);
            if (tlsHosts is not null) Step(o => EnsureCertificates(tlsHosts, o), output, cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"init could not finish: {e.Message}; fix this and run it again", e);
        }
    }

    private static void Step(Action<TextWriter> step, TextWriter output, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        step(output);
    }

    private void EnsureSigningKey(TextWriter output)
    {
        MakeDirectory(options.KeysPath);
        var demands = options.KeyDemands;
        var files = KeyDirectory.List(options.KeysPath);
        foreach (var algorithm in files.Count == 0
            ? demands.Algorithms
            : demands.Algorithms.Except(files.Select(f => KeyDirectory.Read(f).Key.Algorithm), StringComparer.Ordinal))
        {
            output.WriteLine($"created the signing key {KeyDirectory.Create(options.KeysPath, time, algorithm)}");
        }

        if (demands.Certificates && TokenAuthority.Ensure(options.KeysPath, time))
        {
            output.WriteLine($"created the certificate bundle {TokenAuthority.BundlePath(options.KeysPath)}");
        }
    }

    private void EnsureCredential(TextWriter output)
    {
        var credential = Encoding.ASCII.GetBytes(Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)) + "\n");
        if (DurableFile.Create(options.CredentialPath, credential))
        {
            output.WriteLine($"created the registry's credential {options.CredentialPath}");
        }
    }

    /// <summary>
    /// The password file comes first: after a crash in between, the next run creates the account with that password. The other order could
    /// leave an account whose password is unknown.
    /// </summary>
    private void EnsureAdmin(TextWriter output)
    {
        if (File.Exists(options.HtpasswdPath)) return;

        var fresh = Encoding.ASCII.GetBytes(Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(18)) + "\n");
        DurableFile.Create(options.InitialPasswordPath, fresh);
        var password = Encoding.UTF8.GetString(
            SecretFile.Read(options.InitialPasswordPath, "the first password", "remove it and run init again")).TrimEnd('\r', '\n');
        if (PasswordHash.NewPasswordProblem(password) is { } problem)
        {
            throw new OperatorException($"{options.InitialPasswordPath}: {problem}");
        }

        MakeDirectory(ParentFolder.Of(options.HtpasswdPath));
        if (!DurableFile.Create(options.HtpasswdPath, Encoding.UTF8.GetBytes($"{AdminAccount}:{PasswordHash.Make(password)}\n"))) return;
        output.WriteLine($"created the htpasswd file {options.HtpasswdPath}");
        output.WriteLine($"user {AdminAccount}, password {password} (saved in {options.InitialPasswordPath})");
    }

    private void EnsureCertificates(IEnumerable<string> tlsHosts, TextWriter output)
    {
        MakeDirectory(options.CertificatesPath);
        string[] hosts = ["localhost", "127.0.0.1", "::1", Environment.MachineName, .. tlsHosts];
        foreach (var file in new DevelopmentCertificates(options.CertificatesPath, time).Ensure(hosts)) output.WriteLine($"created {file}");
    }

    /// <summary>Creates a directory with mode 700, durably; an existing one keeps its mode.</summary>
    private static void MakeDirectory(string path)
    {
        path = Path.GetFullPath(path);
        if (Directory.Exists(path)) return;
        DataDirectory.Ensure(path);
        DurableFile.SyncDirectory(ParentFolder.Of(path));
    }
}
