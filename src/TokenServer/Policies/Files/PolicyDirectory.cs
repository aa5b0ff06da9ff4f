using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Yaml;

namespace AuthIndex.TokenServer.Policies.Files;

/// <summary>
/// The directory of the policy files on disk: its <c>*.yaml</c> files, without those that begin with a dot. Changes are detected by
/// content, because times and sizes miss swapped symbolic links, restored files and quick second edits.
/// </summary>
/// <param name="path">The directory.</param>
/// <param name="only">The name of the one file that is read; null for all.</param>
internal sealed class PolicyDirectory(string path, string? only = null)
{
    /// <summary>
    /// Reads all files in one state. Null, with an error in the problems, when the directory holds none, when one cannot be read
    /// whole, or when something changed meanwhile.
    /// </summary>
    public (string Revision, IReadOnlyList<PolicyFile> Files)? Read(ICollection<SourceProblem> problems)
    {
        try
        {
            var files = new List<PolicyFile>();
            foreach (var name in Names())
            {
                using var stream = Open(name);
                if (stream.Length > YamlSource.MaxBytes)
                {
                    problems.Add(
                        new SourceProblem(
                            new SourcePosition(stream.Name, 0, 0),
                            $"the file has {stream.Length} bytes; at most {YamlSource.MaxBytes} are read"));
                    return null;
                }

                var bytes = new byte[stream.Length];
                stream.ReadExactly(bytes);
                files.Add(new PolicyFile(Path.Combine(path, name), bytes));
            }

            if (files.Count == 0) return Fail(problems, "it contains no *.yaml file; a policy needs at least one");
            if (only is null)
            {
                WarnOfOtherNames(problems);
                WarnOfSubfolders(problems);
            }

            // A second look: had anything moved in between, the files in hand might belong to two states of the policy.
            var revision = Hash(
                files.Select(f => (Path.GetFileName(f.Path), (Stream)new MemoryStream(f.Content.ToArray(), writable: false))));
            return revision == Revision() ? (revision, files) : Fail(problems, "it changed while being read");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(problems, $"cannot be read completely: {e.Message}");
        }
    }

    /// <summary>The state of the files now, without keeping their contents.</summary>
    public PolicyFilesState Refresh()
    {
        // Times and sizes before contents: a write in between shows in the next look at the latest.
        var written = Stamps();
        return new PolicyFilesState(Revision(), written);
    }

    private string Stamps()
    {
        try
        {
            return string.Join(
                ' ', Names()
                .Select(name => FileVersion.Of(Path.Combine(path, name)) is { } s ? $"{s.Inode}:{s.Length}:{s.Modified}" : "-"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    // The revision that a reading would give; null when the files cannot be read.
    private string? Revision()
    {
        try
        {
            return Hash(Names().Select(name => (name, (Stream)Open(name))));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>A short hash of names and contents.</summary>
    private static string Hash(IEnumerable<(string Name, Stream Content)> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        foreach (var (name, content) in files)
        {
            using (content)
            {
                hash.AppendData(Encoding.UTF8.GetBytes($"{name}\0{content.Length}\0"));
                // What is too large to be read is not looked into either.
                if (content.Length > YamlSource.MaxBytes) continue;
                for (int read; (read = content.Read(buffer)) > 0;) hash.AppendData(buffer, 0, read);
            }
        }

        ArrayPool<byte>.Shared.Return(buffer);
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..12];
    }

    private IEnumerable<string> Names() => only is not null ? [only] :
        Directory.EnumerateFiles(path).Select(file => Path.GetFileName(file))
            .Where(name => name.EndsWith(".yaml", StringComparison.Ordinal) && name[0] != '.')
            .Order(StringComparer.Ordinal);

    private FileStream Open(string name) =>
        new(Path.Combine(path, name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    private void WarnOfOtherNames(ICollection<SourceProblem> problems)
    {
        foreach (var file in Directory.EnumerateFiles(path)
            .Where(f => Path.GetExtension(f) is ".yml" or ".YAML" or ".YML" && Path.GetFileName(f)[0] != '.'))
        {
            problems.Add(
                new SourceProblem(
                    new SourcePosition(file, 0, 0), "the file is ignored: only files ending in .yaml are read", IsWarning: true));
        }
    }

    // Not those that begin with a dot: in a mounted ConfigMap they hold the files that are read.
    private void WarnOfSubfolders(ICollection<SourceProblem> problems)
    {
        foreach (var folder in Directory.EnumerateDirectories(path)
            .Where(d => Path.GetFileName(d)[0] != '.' && Directory.EnumerateFiles(d, "*.yaml").Any()))
        {
            problems.Add(
                new SourceProblem(
                    new SourcePosition(folder, 0, 0), $"the folder is ignored: only files directly in {path} are read", IsWarning: true));
        }
    }

    private (string, IReadOnlyList<PolicyFile>)? Fail(ICollection<SourceProblem> problems, string message)
    {
        problems.Add(new SourceProblem(new SourcePosition(path, 0, 0), message));
        return null;
    }
}
