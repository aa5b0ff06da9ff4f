namespace AuthIndex.TokenServer.Tests.Policies;

/// <summary>The files of the repository that tests hold to their word.</summary>
internal static class SourceTree
{
    public static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    private static string FindRoot(string from) =>
        File.Exists(Path.Combine(from, "AuthIndex.sln"))
        ? from
        : FindRoot(Path.GetDirectoryName(from) ?? throw new InvalidOperationException("The tests do not run inside the repository."));
}
