namespace AuthIndex.RegistryCore.Import;

/// <summary>Something that was not taken over.</summary>
/// <param name="Repository">Its repository.</param>
/// <param name="What">A digest, or <c>tag NAME</c>, or a path.</param>
/// <param name="Reason">Why not.</param>
internal sealed record ImportProblem(string Repository, string What, string Reason);

/// <summary>What an import took over, or would.</summary>
internal sealed record ImportReport
{
    /// <summary>Whether nothing was changed.</summary>
    public bool DryRun { get; init; }

    /// <summary>Repositories looked through.</summary>
    public int Repositories { get; set; }

    /// <summary>The number of manifests imported.</summary>
    public int Manifests { get; set; }

    /// <summary>Manifests that were here already.</summary>
    public int ManifestsBefore { get; set; }

    /// <summary>Blobs taken, each once for all repositories that hold it.</summary>
    public int Blobs { get; set; }

    /// <summary>The bytes of the blobs imported.</summary>
    public long BlobBytes { get; set; }

    /// <summary>Those of them whose file is now shared with the other registry.</summary>
    public int Linked { get; set; }

    /// <summary>Layers that stay with their vendor and that the other registry does not have either.</summary>
    public int ForeignLayers { get; set; }

    /// <summary>The number of tags set or moved.</summary>
    public int Tags { get; set; }

    /// <summary>
    /// Tags that point elsewhere there, because somebody has moved or deleted them here: they stay, as <c>REPOSITORY:TAG</c>.
    /// </summary>
    public List<string> Kept { get; init; } = [];

    /// <summary>What was not taken and why.</summary>
    public List<ImportProblem> Problems { get; init; } = [];
}
