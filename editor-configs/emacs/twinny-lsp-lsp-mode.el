;;; twinny-lsp-lsp-mode.el --- Completion from your own models, with lsp-mode  -*- lexical-binding: t; -*-

;;; Commentary:

;; Put this file on your `load-path' and add to your init file:
;;
;;     (require 'twinny-lsp-lsp-mode)
;;
;; twinny-lsp then runs beside the language's own server in every programming mode where lsp-mode runs.
;; Use it with company: Emacs's own `completion-at-point' puts only an item's first line into the text
;; when the item comes from lsp-mode.

;;; Code:

(require 'lsp-mode)

(defgroup twinny-lsp-lsp-mode nil
  "Code completion from your own models, with lsp-mode."
  :group 'lsp-mode
  :prefix "twinny-lsp-lsp-mode-")

(defcustom twinny-lsp-lsp-mode-settings nil
  "Settings for the server, as a property list.
nil keeps those of the server's own configuration file.  For example:
  (:completion (:provider \"ollama\" :model \"qwen2.5-coder:1.5b-base\"))"
  :type 'sexp)

(lsp-register-client
 (make-lsp-client
  :server-id 'twinny-lsp
  :new-connection (lsp-stdio-connection '("twinny-lsp"))
  :activation-fn (lambda (&rest _) (derived-mode-p 'prog-mode))
  :initialization-options (lambda () twinny-lsp-lsp-mode-settings)
  ;; Beside the server of the language, not in its place.
  :add-on? t
  :priority -1))

(provide 'twinny-lsp-lsp-mode)
;;; twinny-lsp-lsp-mode.el ends here
