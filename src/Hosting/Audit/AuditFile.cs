using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AuthIndex.Hosting.Files;

namespace AuthIndex.Hosting.Audit;

/// <summary>
/// The file of an audit log, one JSON object a line. Any number of processes append to it at once, servers and commands: each
/// append holds the lock of the folder, and writes its lines whole or not at all. The file may be renamed at any time, by this
/// class (<see cref="AuditRotation"/>: <c>audit.jsonl.1</c> is the newest one put aside) or by another program; the next lines go
/// to a new one of the old name.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="rotation">When it is put aside.</param>
/// <param name="time">The clock.</param>
/// <param name="free">How many bytes the folder's volume has free; null to ask the system.</param>
public sealed class AuditFile(string path, AuditRotation rotation, TimeProvider time, Func<string, long>? free = null) : IDisposable
{
    /// <summary>
    /// The form of every line. It is never part of an HTML page, and people search it: quotes and accented letters stay as they are.
    /// </summary>
    public static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The format of every line's time.</summary>
    public const string TimeFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";

    private readonly string folder = ParentFolder.Of(Path.GetFullPath(path));
    private FileStream? file;
    private FileVersion? stamp;
    private DateTimeOffset begun;

    /// <summary>Why the last due rotation failed; null when it succeeded. Lines are written in either case.</summary>
    public string? RotationProblem { get; private set; }

    /// <summary>Appends lines, all of them or none.</summary>
    /// <param name="lines">Whole lines, each with its end.</param>
    /// <exception cref="IOException">
    /// The disk refuses; none of the lines is in the file, unless it refuses to take them back too.
    /// </exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    public void Append(ReadOnlySpan<byte> lines)
    {
        using var alone = FileLock.TakeFolder(folder);
        var log = Open();
        if (IsDue(log, lines.Length))
        {
            PutAside();
            log = Open();
        }

        var length = log.Length;
        try
        {
            log.Position = length;
            if (IsTorn(log, length)) log.Write("\n"u8);
            log.Write(lines);
            log.Flush();
        }
        catch
        {
            TakeBack(log, length);
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => file?.Dispose();

    /// <summary>Opens the file again if it was renamed, removed or replaced.</summary>
    private FileStream Open()
    {
        if (file is not null && FileVersion.Of(path) is { } now && now.Inode == stamp?.Inode) return file;
        file?.Dispose();
        file = null;
        var log = file = GuardedFile.OpenOrCreate(path, FileShare.ReadWrite | FileShare.Delete, out var isNew);
        if (isNew) FileOwner.FollowFolder(path, log.SafeFileHandle);
        stamp = FileVersion.Of(path);
        begun = FirstTime(log);
        return log;
    }

    private bool IsDue(FileStream log, int more) => log.Length > 0
        && ((rotation.MaxSize.Bytes > 0 && log.Length + more > rotation.MaxSize.Bytes) || (
            rotation.MaxAge > TimeSpan.Zero && time.GetUtcNow() - begun >= rotation.MaxAge));

    /// <summary>Whether the file ends in a partial line, from a write that a crash interrupted.</summary>
    private static bool IsTorn(FileStream log, long length)
    {
        Span<byte> end = stackalloc byte[1];
        return length > 0 && RandomAccess.Read(log.SafeFileHandle, end, length - 1) == 1 && end[0] != '\n';
    }

    private static void TakeBack(FileStream log, long length)
    {
        try
        {
            log.SetLength(length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The original failure is the one to report. The next append ends a partial line.
        }
    }

    private void PutAside()
    {
        try
        {
            var aside = Directory.EnumerateFiles(folder, Path.GetFileName(path) + ".*").Select(f => (Name: f, Number: NumberOf(f)))
                .Where(f => f.Number > 0).OrderByDescending(f => f.Number);
            foreach (var (name, number) in aside.ToList())
            {
                if (number >= rotation.Keep && MayGo(name)) File.Delete(name);
                else
                {
                    File.Move(name, $"{path}.{number + 1}{(name.EndsWith(".gz", StringComparison.Ordinal) ? ".gz" : "")}", overwrite: true);
                }
            }

            File.Move(path, path + ".1");
            RotationProblem = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            RotationProblem = e.Message;
        }
    }

    private bool MayGo(string name) => time.GetUtcNow() - new DateTimeOffset(File.GetLastWriteTimeUtc(name)) >= rotation.KeepFor
        || (free ?? AvailableOn)(folder) < AuditRotation.LeastFree;

    private static long AvailableOn(string folder) => new DriveInfo(folder).AvailableFreeSpace;

    /// <summary>The number of a rotated file, compressed or not; 0 for any other file.</summary>
    private int NumberOf(string name)
    {
        var begin = Path.GetFileName(path) + ".";
        var aside = Path.GetFileName(name.AsSpan());
        if (!aside.StartsWith(begin, StringComparison.Ordinal)) return 0; // the pattern matches the log itself too
        var end = aside[begin.Length..];
        if (end.EndsWith(".gz", StringComparison.Ordinal)) end = end[..^3];
        return int.TryParse(end, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
    }

    /// <summary>The time of the first line; now, where there is none that says one.</summary>
    private DateTimeOffset FirstTime(FileStream log)
    {
        const string before = "\"time\":\"";
        Span<byte> head = stackalloc byte[256];
        var text = Encoding.ASCII.GetString(head[..RandomAccess.Read(log.SafeFileHandle, head, 0)]);
        var at = text.IndexOf(before, StringComparison.Ordinal) + before.Length;
        return at >= before.Length && text.Length >= at + 24
            && DateTimeOffset.TryParseExact(
                text.AsSpan(at, 24), TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var first)
                ? first
                : time.GetUtcNow();
    }
}
