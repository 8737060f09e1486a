// What main.ts does with every view. A view has all it knows between two events in one object.
export interface View {
  init(): void;
  show(): void;
  hide?(): void; // called before another view is shown
  failed(): void; // called when there is no repository to work on, and none to come
}
