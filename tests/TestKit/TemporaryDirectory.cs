namespace AuthIndex.TestKit;

/// <summary>A folder of its own for one test, removed afterwards.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    /// <summary>Makes the folder.</summary>
    public TemporaryDirectory() => Root = Directory.CreateTempSubdirectory("authindex-test-").FullName;

    /// <summary>Its full path.</summary>
    public string Root { get; }

    /// <summary>A path in it.</summary>
    public string this[string name] => Path.Combine(Root, name);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Directory.Exists(Root)) Directory.Delete(Root, recursive: true);
    }
}
