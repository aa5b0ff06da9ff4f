namespace AuthIndex.TokenServer.Policies.Files;

/// <summary>One policy file as it was read.</summary>
/// <param name="Path">The path that problems name.</param>
/// <param name="Content">Its bytes.</param>
internal sealed record PolicyFile(string Path, ReadOnlyMemory<byte> Content);
