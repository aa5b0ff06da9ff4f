using System.Text.Json;
using System.Text.Json.Serialization;
using AuthIndex.RegistryCore.Import;

namespace AuthIndex.RegistryCore.Commands;

/// <summary>
/// What an operator wants done with the registry's folder: by the server that holds it, or without one by the command itself.
/// </summary>
[JsonDerivedType(typeof(Gc), "gc")]
[JsonDerivedType(typeof(Scrub), "scrub")]
[JsonDerivedType(typeof(Verify), "verify")]
[JsonDerivedType(typeof(Backup), "backup")]
[JsonDerivedType(typeof(TagsHistory), "tags history")]
[JsonDerivedType(typeof(TagsRollback), "tags rollback")]
[JsonDerivedType(typeof(Import), "import")]
[JsonDerivedType(typeof(Upstreams), "upstreams")]
internal abstract record StorageTask
{
    /// <summary>Removes what nothing leads to.</summary>
    /// <param name="DryRun">Whether nothing is removed.</param>
    /// <param name="Leftovers">Whether files that the database does not name go however many they are, and such objects at all.</param>
    internal sealed record Gc(bool DryRun, bool Leftovers = false) : StorageTask;

    /// <summary>Compares everything with its digests.</summary>
    internal sealed record Scrub : StorageTask;

    /// <summary>Compares the database with what is stored.</summary>
    /// <param name="Digests">Whether all bytes are read.</param>
    internal sealed record Verify(bool Digests) : StorageTask;

    /// <summary>Makes or renews a backup.</summary>
    /// <param name="Directory">Its folder, a full path.</param>
    internal sealed record Backup(string Directory) : StorageTask;

    /// <summary>Lists the moves of a tag.</summary>
    internal sealed record TagsHistory(string Repository, string Tag) : StorageTask;

    /// <summary>Points a tag at what it pointed at before.</summary>
    internal sealed record TagsRollback(string Repository, string Tag, string? Digest, string By) : StorageTask;

    /// <summary>Takes over the storage of distribution.</summary>
    internal sealed record Import(ImportRequest Request) : StorageTask;

    /// <summary>Tells how the upstreams stand.</summary>
    /// <param name="Remove">The prefix of a former upstream whose copies are deleted first; null for none.</param>
    /// <param name="By">Who has them deleted.</param>
    internal sealed record Upstreams(string? Remove = null, string By = "") : StorageTask;
}

/// <summary>The result of a task, for the terminal and for scripts.</summary>
/// <param name="Succeeded">Whether all is as it should be: the exit status.</param>
/// <param name="Text">For people.</param>
/// <param name="Result">For programs.</param>
internal sealed record TaskReport(bool Succeeded, string Text, JsonElement Result)
{
    /// <summary>A report of any serialisable result.</summary>
    public static TaskReport Of<T>(bool succeeded, string text, T result) =>
        new(succeeded, text, JsonSerializer.SerializeToElement(result, JsonSerializerOptions.Web));
}
