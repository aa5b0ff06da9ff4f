using System.Security.Cryptography;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.TokenServer.Backup;

/// <summary>One file of a backup, as <c>backup.json</c> lists it.</summary>
/// <param name="Path">Its path in the state: <c>data/…</c>, <c>keys/…</c>, <c>htpasswd</c> or <c>policies/…</c>.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Sha256">The digest of its bytes, in lower-case hex.</param>
/// <param name="Mode">Its original mode, in octal digits.</param>
internal sealed record BackupFile(string Path, long Size, string Sha256, string Mode);

/// <summary>The manifest of a backup, <c>backup.json</c>.</summary>
/// <param name="Format">1.</param>
/// <param name="State">The folder of the files.</param>
/// <param name="MadeAt">When it was begun.</param>
/// <param name="Files">The files.</param>
internal sealed record BackupContent(int Format, string State, DateTimeOffset MadeAt, IReadOnlyList<BackupFile> Files);

/// <summary>
/// The layout of a backup, everything in it for its owner alone:
/// <code>
/// authindex-token-server-backup    says what the folder is
/// backup.json names the state folder and every file in it with its digest and mode; absent until the first backup is whole
/// state-…/data/… the data directory without the registry's part state-…/keys/…, htpasswd signing keys and accounts, where the
/// configuration has them elsewhere state-…/policies/… a copy of the policies for people; no restore touches policies
/// </code>
/// </summary>
internal static class BackupFolder
{
    public const string Data = "data", Keys = "keys", Htpasswd = "htpasswd", Policies = "policies";

    private const string StatePrefix = "state-";
    private const UnixFileMode Permissions = (UnixFileMode)0x1ff; // never setuid and its like: no file of the state is a program

    private static readonly JsonSerializerOptions Json = new(ReadableJson.Options)
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>Whether the folder is a backup, finished or not.</summary>
    public static bool Is(string root) => File.Exists(Marker(root));

    /// <summary>Writes the marker file that identifies the folder.</summary>
    public static void Mark(string root) =>
        DurableFile.Create(Marker(root), "A backup of an AuthIndex token server, secrets included; restore it with: authindex restore\n"u8);

    /// <summary>Makes a new state folder.</summary>
    public static string NewState(string root, DateTimeOffset now)
    {
        var name = $"{StatePrefix}{now:yyyyMMdd'T'HHmmss'Z'}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
        DataDirectory.MakeForOwner(Path.Combine(root, name));
        return name;
    }

    /// <summary>Removes every state folder but one: those of older backups, and of one that was interrupted.</summary>
    public static void RemoveStatesBut(string root, string? kept)
    {
        foreach (var state in Directory.GetDirectories(root, StatePrefix + "*").Where(s => Path.GetFileName(s) != kept))
        {
            Directory.Delete(state, recursive: true);
        }
    }

    /// <summary>Atomically makes a state the backup's content.</summary>
    public static void Commit(string root, BackupContent content) =>
        DurableFile.Replace(ContentPath(root), JsonSerializer.SerializeToUtf8Bytes(content, Json));

    /// <summary>The state in the backup; null before the first one is complete.</summary>
    /// <exception cref="OperatorException">It is damaged or of a newer version.</exception>
    public static BackupContent? Read(string root)
    {
        if (!Is(root) || !File.Exists(ContentPath(root))) return null;
        try
        {
            var content = JsonSerializer.Deserialize<BackupContent>(File.ReadAllBytes(ContentPath(root)), Json);
            if (content is { Format: 1 }
                && content.State.StartsWith(StatePrefix, StringComparison.Ordinal)
                && !content.State.Contains('/', StringComparison.Ordinal)
                && content.Files.All(IsSound))
            {
                return content;
            }
        }
        catch (JsonException)
        {
            // reported below
        }

        throw new OperatorException($"{ContentPath(root)} is damaged, or was written by a newer version");
    }

    /// <summary>A mode as octal digits.</summary>
    public static string Digits(UnixFileMode mode) => Convert.ToString((int)(mode & Permissions), 8);

    /// <summary>The mode from octal digits, limited to the permission bits.</summary>
    public static UnixFileMode Mode(BackupFile file) => (UnixFileMode)Convert.ToInt32(file.Mode, 8) & Permissions;

    /// <summary>The digest and size of a file, read to its end.</summary>
    public static (string Sha256, long Size) Hash(string path)
    {
        using var file = File.OpenRead(path);
        return (Convert.ToHexStringLower(SHA256.HashData(file)), file.Position);
    }

    /// <summary>Rejects paths that lead elsewhere and invalid modes: the file may have been edited.</summary>
    private static bool IsSound(BackupFile file) =>
        file.Path.Split('/') is [Data or Keys or Htpasswd or Policies, ..] parts
        && !parts.Any(p => p is "" or "." or "..") && !file.Path.Contains('\0', StringComparison.Ordinal)
        && file.Mode.Length is > 0 and < 5 && file.Mode.All(c => c is >= '0' and <= '7');

    private static string Marker(string root) => Path.Combine(root, "authindex-token-server-backup");

    private static string ContentPath(string root) => Path.Combine(root, "backup.json");
}
