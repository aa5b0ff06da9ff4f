namespace AuthIndex.Load;

/// <summary>One piece of work that is measured.</summary>
/// <param name="Name">Its name, as <c>./authindex bench NAME</c> selects it.</param>
/// <param name="Ours">The request to AuthIndex.</param>
/// <param name="Peer">The same to distribution, or null where it has none of its own.</param>
/// <param name="Clients">How many connections ask at once.</param>
internal sealed record Scenario(string Name, Target Ours, Target? Peer, int Clients = 8);

/// <summary>A request that is repeated.</summary>
/// <param name="Url">What is asked for.</param>
/// <param name="Authorization">The header, or null for none.</param>
internal sealed record Target(Uri Url, string? Authorization = null);

/// <summary>What one round came to.</summary>
/// <param name="Count">How often the work was done.</param>
/// <param name="PerSecond">How often in a second.</param>
/// <param name="MegabytesPerSecond">Bytes a second, in millions.</param>
/// <param name="Slowest">The 99th percentile of the answers' times.</param>
internal sealed record Figures(long Count, double PerSecond, double MegabytesPerSecond, TimeSpan Slowest);
