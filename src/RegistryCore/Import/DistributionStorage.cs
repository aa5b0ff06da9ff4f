using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Import;

/// <summary>
/// Something in the other registry's storage that cannot be used; the message says what, without what others wrote there.
/// </summary>
internal sealed class UnusableException(string reason) : Exception(reason);

/// <summary>
/// The file system storage of distribution 2.x and 3.x, read and never written, whoever may have written what into it: links
/// are not followed, and nothing is believed that its digest does not prove.
/// <code>
/// docker/registry/v2/
///   blobs/sha256/ab/ab12…/data                                  the bytes of layers, configs and manifests
///   repositories/NAME/_layers/sha256/ab12…/link                 the repository may show the blob; holds its digest
///   repositories/NAME/_manifests/revisions/sha256/ab12…/link    the repository holds the manifest; absent once deleted
///   repositories/NAME/_manifests/tags/TAG/current/link          holds the digest that the tag points at
///   repositories/NAME/_uploads/…                                uploads that are not finished
/// </code>
/// </summary>
internal sealed class DistributionStorage
{
    private const int MaxLinkBytes = 256; // a digest has at most 135
    private const int MaxDepth = 128; // a name has at most 255 characters

    private static readonly EnumerationOptions Entries = new() { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false };

    private readonly string root;

    private DistributionStorage(string root) => this.root = root;

    /// <summary>
    /// Finds the storage in a folder: the <c>rootdirectory</c> of distribution's configuration, or one of its folders down to
    /// <c>v2</c>.
    /// </summary>
    /// <exception cref="OperatorException">There is none.</exception>
    public static DistributionStorage Open(string directory)
    {
        foreach (var below in (string[])["docker/registry/v2", "registry/v2", "v2", ""])
        {
            var at = Path.Combine(directory, below);
            if (Directory.Exists(Path.Combine(at, "repositories")) && Directory.Exists(Path.Combine(at, "blobs")))
            {
                return new DistributionStorage(at);
            }
        }

        throw new OperatorException(
            $"{directory} does not contain distribution's storage (docker/registry/v2 with blobs and repositories): use the "
                + "rootdirectory in its configuration, readable by this registry's user");
    }

    /// <summary>The repositories in order of name, and what lies among them and is none.</summary>
    public IEnumerable<(RepositoryName Name, ImportProblem? Problem)> Repositories() => Below("", 0);

    /// <summary>The manifests of a repository that were not deleted.</summary>
    public IEnumerable<(Digest Digest, ImportProblem? Problem)> Revisions(RepositoryName repository) =>
        Digests(repository, "_manifests/revisions");

    /// <summary>The tags of a repository.</summary>
    public IEnumerable<(string Tag, Digest Digest, ImportProblem? Problem)> Tags(RepositoryName repository)
    {
        var tags = $"repositories/{repository}/_manifests/tags";
        foreach (var name in Folders(tags))
        {
            if (!Reference.IsTag(name))
            {
                yield return (name, default, new ImportProblem(repository.Value, $"tag {LogText.Clean(name)}", "is not a tag"));
                continue;
            }

            Digest digest = default;
            ImportProblem? problem = null;
            try
            {
                // A tag that was deleted may leave its folder behind.
                if (!Exists($"{tags}/{name}/current/link")) continue;
                digest = ReadLink($"{tags}/{name}/current/link");
            }
            catch (UnusableException e)
            {
                problem = new ImportProblem(repository.Value, $"tag {name}", e.Message);
            }

            yield return (name, digest, problem);
        }
    }

    /// <summary>Whether the repository holds the manifest.</summary>
    /// <exception cref="UnusableException">Its link says something else.</exception>
    public bool HasRevision(RepositoryName repository, Digest digest) =>
        IsLinked($"repositories/{repository}/_manifests/revisions/{Folder(digest)}/link", digest);

    /// <summary>Whether the repository may show the blob.</summary>
    /// <exception cref="UnusableException">Its link says something else.</exception>
    public bool HasBlob(RepositoryName repository, Digest digest) =>
        IsLinked($"repositories/{repository}/_layers/{Folder(digest)}/link", digest);

    /// <summary>The file of a blob, which is there and a file; its bytes are not checked.</summary>
    /// <exception cref="UnusableException">It is not.</exception>
    public (string Path, long Size) Blob(Digest digest)
    {
        var path = Regular($"blobs/{digest.Value[..6]}/{digest.Hex[..2]}/{digest.Hex}/data", "its content is");
        return (path, LengthOf(path));
    }

    /// <summary>The bytes of a manifest, checked against its digest.</summary>
    /// <param name="digest">Its digest.</param>
    /// <param name="limit">How many bytes it may have.</param>
    /// <exception cref="UnusableException">It is not there, too large, damaged or unreadable.</exception>
    public byte[] ReadManifest(Digest digest, long limit)
    {
        var (path, size) = Blob(digest);
        if (size > limit) throw new UnusableException($"it has {size} bytes, and registry.limits.manifestSize is {limit}");
        var bytes = Read(path, (int)size);
        return Digest.Compute(digest.Algorithm, bytes) == digest
            ? bytes
            : throw new UnusableException("its content is damaged: it has another digest");
    }

    private IEnumerable<(RepositoryName Name, ImportProblem? Problem)> Below(string name, int depth)
    {
        var at = $"repositories/{name}".TrimEnd('/');
        foreach (var folder in Folders(at))
        {
            if (folder.StartsWith('_')) continue; // distribution's own, which no name begins with
            var path = name.Length == 0 ? folder : $"{name}/{folder}";
            if (IsLink($"{at}/{folder}"))
            {
                yield return (
                    default,
                    new ImportProblem(
                        LogText.Clean(path), $"{at}/{LogText.Clean(folder)}", "is a symbolic link, and links are not followed"));
                continue;
            }

            if (Directory.Exists(InRoot($"{at}/{folder}/_manifests")))
            {
                yield return RepositoryName.TryParse(path, out var repository)
                    ? (repository, null)
                    : (default, new ImportProblem(LogText.Clean(path), $"{at}/{LogText.Clean(folder)}", "is not a repository name"));
            }

            if (depth >= MaxDepth) continue;
            foreach (var deeper in Below(path, depth + 1)) yield return deeper;
        }
    }

    private IEnumerable<(Digest Digest, ImportProblem? Problem)> Digests(RepositoryName repository, string kind)
    {
        var at = $"repositories/{repository}/{kind}";
        foreach (var algorithm in Folders(at))
        {
            foreach (var hex in Folders($"{at}/{algorithm}"))
            {
                var text = $"{algorithm}:{hex}";
                if (!Digest.TryParse(text, out var digest))
                {
                    yield return (default, new ImportProblem(repository.Value, LogText.Clean(text), "is not a sha256 or sha512 digest"));
                    continue;
                }

                ImportProblem? problem = null;
                try
                {
                    if (!HasRevision(repository, digest)) continue; // deleted
                }
                catch (UnusableException e)
                {
                    problem = new ImportProblem(repository.Value, digest.Value, e.Message);
                }

                yield return (digest, problem);
            }
        }
    }

    private bool IsLinked(string link, Digest digest)
    {
        if (!Exists(link)) return false;
        return ReadLink(link) == digest ? true : throw new UnusableException("its link file names another digest");
    }

    /// <summary>
    /// What a link file says, which is a digest and nothing else: anything else in it is never shown, nor used in a path.
    /// </summary>
    private Digest ReadLink(string path)
    {
        var file = Regular(path, "its link file is");
        var size = LengthOf(file);
        var text = size <= MaxLinkBytes ? Encoding.UTF8.GetString(Read(file, (int)size)).Trim() : "too long";
        return Digest.TryParse(text, out var digest)
            ? digest
            : throw new UnusableException(
                text.Length == 0 ? "its link file is empty" : "its link file does not contain a sha256 or sha512 digest");
    }

    private static long LengthOf(string path)
    {
        try
        {
            return new FileInfo(path).Length;
        }
        catch (FileNotFoundException)
        {
            throw new UnusableException("it disappeared during the import");
        }
    }

    private static byte[] Read(string path, int length)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            var bytes = new byte[length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UnusableException($"it cannot be read: {e.Message}");
        }
    }

    /// <summary>The names of the folders in a folder, in order; none where there is no such folder.</summary>
    private List<string> Folders(string path)
    {
        var folder = InRoot(path);
        if (!Directory.Exists(folder) || HasLink(path)) return [];
        try
        {
            return [.. Directory.EnumerateDirectories(folder, "*", Entries).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)];
        }
        catch (DirectoryNotFoundException)
        {
            return []; // deleted meanwhile
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // how much lies there is unknown, so it is no single defect
            throw new OperatorException($"{folder} cannot be read: {e.Message}", e);
        }
    }

    private bool Exists(string path) => File.Exists(InRoot(path)) || IsLink(path);

    private string Regular(string path, string what)
    {
        if (HasLink(path)) throw new UnusableException($"{what} behind a symbolic link, and links are not followed");
        var file = InRoot(path);
        if (FileVersion.IsRegularFile(file)) return file;
        throw new UnusableException(Path.Exists(file) ? $"{what} no regular file" : $"{what} missing");
    }

    /// <summary>Whether anything on the way from the root is a symbolic link.</summary>
    private bool HasLink(string path)
    {
        for (var at = path; at.Length > 0; at = Path.GetDirectoryName(at) ?? "")
        {
            if (IsLink(at)) return true;
        }

        return false;
    }

    private bool IsLink(string path) => new FileInfo(InRoot(path)).LinkTarget is not null;

    private string InRoot(string path) => Path.Combine(root, path);

    private static string Folder(Digest digest) => $"{(digest.Algorithm == HashAlgorithmName.SHA512 ? "sha512" : "sha256")}/{digest.Hex}";
}
