using System.Text.Json;
using System.Text.Json.Serialization;
using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Index;

/// <summary>A point in a registry's history.</summary>
/// <param name="Sequence">The number of the last event before it; 0 for the beginning.</param>
/// <param name="Id">That event's id; empty for the beginning.</param>
internal sealed record EventPosition(long Sequence, string Id);

/// <summary>One change in a registry.</summary>
/// <param name="Sequence">Its number; 0 in a snapshot.</param>
/// <param name="Id">Its id; empty in a snapshot.</param>
/// <param name="Kind">What happened; a word not known here changes nothing.</param>
/// <param name="Repository">Where.</param>
/// <param name="Tag">The tag that was moved or deleted.</param>
/// <param name="Digest">What was pushed or deleted, or what the tag points at.</param>
/// <param name="MediaType">The media type of a pushed manifest.</param>
/// <param name="Size">Its size in bytes.</param>
/// <param name="Account">Who did it.</param>
/// <param name="Time">When, in Unix seconds.</param>
internal sealed record RegistryEvent(
    long Sequence, string Id, string Kind, string Repository, string? Tag, string? Digest, string? MediaType, long? Size, string Account, long Time)
{
    public const string ManifestPushed = "manifest-pushed";
    public const string ManifestDeleted = "manifest-deleted";
    public const string TagMoved = "tag-moved";
    public const string TagDeleted = "tag-deleted";

    /// <summary>What is missing in it or out of form; null when nothing is.</summary>
    public string? Problem() => Kind switch
    {
        _ when !RepositoryName.TryParse(Repository, out _) => "its repository is no name of one",
        ManifestPushed => Digest is null || MediaType is null || Size is null ? "a pushed manifest has a digest, a media type and a size" : null,
        ManifestDeleted => Digest is null ? "a deleted manifest has a digest" : null,
        TagMoved => Tag is null || Digest is null ? "a moved tag has a name and a digest" : null,
        TagDeleted => Tag is null ? "a deleted tag has a name" : null,
        _ => null,
    };
}

/// <summary>That a manifest was pulled.</summary>
internal sealed record PulledManifest(string Repository, string Digest, long Time);

/// <summary>What a registry tells at <c>/index/v1/events</c>.</summary>
/// <param name="After">The position that the events follow.</param>
/// <param name="Events">The events, without gaps; none to ask only whether the catalogue stands at the position.</param>
/// <param name="Pulled">What was pulled.</param>
internal sealed record EventReport(EventPosition After, IReadOnlyList<RegistryEvent> Events, IReadOnlyList<PulledManifest> Pulled)
{
    /// <summary>Where the events end.</summary>
    [JsonIgnore]
    public EventPosition End => Events is [.., var last] ? new EventPosition(last.Sequence, last.Id) : After;

    /// <summary>What is wrong with it; null when nothing is.</summary>
    public string? Problem()
    {
        for (var i = 0; i < Events.Count; i++)
        {
            if (Events[i].Sequence != After.Sequence + 1 + i) return $"events[{i}]: its sequence does not follow";
            if (Events[i].Problem() is { } problem) return $"events[{i}]: {problem}";
        }

        return null;
    }

    /// <summary>The id of the event with a number, or of the one that all follow; null when the report does not reach there.</summary>
    public string? IdAt(long sequence) => sequence == After.Sequence ? After.Id
        : sequence > After.Sequence && sequence - After.Sequence <= Events.Count ? Events[(int)(sequence - After.Sequence - 1)].Id
        : null;
}

/// <summary>What a registry tells at <c>/index/v1/snapshot</c>: a part of all that it holds.</summary>
/// <param name="Epoch">The snapshot that the part belongs to.</param>
/// <param name="Page">Its place in it, from 0.</param>
/// <param name="IsLast">Whether the snapshot is complete with it.</param>
/// <param name="Position">The position that the snapshot is of.</param>
/// <param name="Events">The content, as if each manifest were pushed and each tag moved at that moment.</param>
internal sealed record SnapshotReport(string Epoch, int Page, bool IsLast, EventPosition Position, IReadOnlyList<RegistryEvent> Events)
{
    /// <summary>What is wrong with it; null when nothing is.</summary>
    public string? Problem()
    {
        for (var i = 0; i < Events.Count; i++)
        {
            if (Events[i].Problem() is { } problem) return $"events[{i}]: {problem}";
        }

        return null;
    }
}

/// <summary>How reports are read: strictly, every member that cannot be null being there.</summary>
internal static class ReportJson
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        NumberHandling = JsonNumberHandling.Strict,
    };
}
